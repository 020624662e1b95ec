//! Files on this machine: packages that are put, copies that are fetched.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use contract::{MANIFEST_FILE, ModelFile, ModelManifest};
use futures_util::{Stream, stream};
use tempfile::TempDir;

use crate::{
    Error,
    bucket::PIECE,
    keys,
    manifest::{self, Manifest, Measure},
};

/// Bytes read at a time where nothing is kept of them.
const CHUNK: usize = 128 * 1024;

/// Checks a version's folder on this machine: `metadata.json` against `sha256`, every other file against the manifest.
pub async fn verify_version(folder: &Path, sha256: &str) -> Result<ModelManifest, Error> {
    let (folder, sha256) = (folder.to_owned(), sha256.to_owned());
    blocking(move || {
        let manifest = read_manifest(&folder, Some(&sha256))?;
        check_files(&folder, &manifest)?;
        Ok(manifest.meaning)
    })
    .await
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(lost) => Err(Error::Unavailable { path: "file work".to_owned(), source: lost.into() }),
    }
}

pub(crate) fn read_manifest(folder: &Path, expected: Option<&str>) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST_FILE);
    let mut bytes = Vec::new();
    open(&path)?.take(manifest::LIMIT).read_to_end(&mut bytes).map_err(Error::io(&path))?;
    Manifest::parse(bytes, expected)
}

/// Checks every file against the manifest.
pub(crate) fn check_files(folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    let mut chunk = vec![0; CHUNK];
    for (name, expected) in manifest.files() {
        let path = folder.join(name);
        let (mut file, mut measure) = (open(&path)?, Measure::default());
        loop {
            match file.read(&mut chunk).map_err(Error::io(&path))? {
                0 => break,
                read => measure.add(&chunk[..read]),
            }
        }
        measure.check(name, expected)?;
    }
    Ok(())
}

/// Opens a regular file: a link could point anywhere, and a pipe would never end.
fn open(path: &Path) -> Result<File, Error> {
    let found = fs::symlink_metadata(path).map_err(Error::io(path))?;
    if !found.is_file() {
        return Err(Error::Refused { uri: path.display().to_string(), reason: "not a regular file" });
    }
    sandbox::files::open_regular(path).map_err(Error::io(path))
}

/// A file's pieces; one byte more than expected, if there is one, so that it is noticed.
pub(crate) fn pieces(path: PathBuf, expected: &ModelFile) -> impl Stream<Item = Result<Bytes, Error>> + use<> {
    let limit = expected.size.saturating_add(1);
    stream::try_unfold(None, move |state: Option<io::Take<File>>| {
        let path = path.clone();
        blocking(move || {
            let mut file = match state {
                Some(file) => file,
                None => open(&path)?.take(limit),
            };
            let mut piece = Vec::with_capacity(usize::try_from(file.limit()).unwrap_or(PIECE).min(PIECE));
            file.by_ref().take(PIECE as u64).read_to_end(&mut piece).map_err(Error::io(&path))?;
            Ok(if piece.is_empty() { None } else { Some((Bytes::from(piece), Some(file))) })
        })
    })
}

/// Removes a folder with all that is in it, and those above it, up to `root`, that are empty then. Links go, and what they lead
/// to stays.
pub(crate) fn remove_folder(root: &Path, folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(folder)(error)),
        Err(_) if !root.exists() => {
            let path = root.display().to_string();
            return Err(Error::Unavailable { path, source: "the artifact store's folder is not there".into() });
        }
        _ => {}
    }
    let above = folder.ancestors().skip(1).take_while(|above| *above != root && above.starts_with(root));
    for above in above {
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(())
}

/// A folder being filled; removed again unless it is settled.
pub(crate) struct Incoming {
    folder: TempDir,
    parent: PathBuf,
}

impl Incoming {
    /// A new folder beside `target`, so that settling is one rename.
    pub fn beside(target: &Path) -> Result<Self, Error> {
        let parent = target.parent().unwrap_or(Path::new("/")).to_owned();
        fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
        let readable = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix(keys::INCOMING).permissions(readable).tempdir_in(&parent);
        Ok(Self { folder: folder.map_err(Error::io(&parent))?, parent })
    }

    /// A new file in it.
    pub async fn file(&self, name: &str) -> Result<Arriving, Error> {
        let path = self.folder.path().join(name);
        blocking(move || {
            let file = File::create_new(&path).map_err(Error::io(&path))?;
            Ok(Arriving { path, file, measure: Measure::default() })
        })
        .await
    }

    /// Gives the folder its name, durably, in place of an older one. The manifest is written last.
    pub fn settle(self, manifest: &Manifest, target: &Path) -> Result<(), Error> {
        let path = self.folder.path().join(MANIFEST_FILE);
        let mut file = File::create_new(&path).map_err(Error::io(&path))?;
        file.write_all(&manifest.bytes).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
        sync(self.folder.path())?;
        if target.exists() {
            fs::remove_dir_all(target).map_err(Error::io(target))?;
        }
        fs::rename(self.folder.path(), target).map_err(Error::io(target))?;
        // Its name has changed: there is nothing left to remove.
        let _ = self.folder.keep();
        sync(&self.parent)
    }
}

/// A file that comes in pieces.
pub(crate) struct Arriving {
    path: PathBuf,
    file: File,
    measure: Measure,
}

impl Arriving {
    /// Writes one more piece.
    pub async fn write(mut self, piece: Bytes) -> Result<Self, Error> {
        blocking(move || {
            self.measure.add(&piece);
            self.file.write_all(&piece).map_err(Error::io(&self.path))?;
            Ok(self)
        })
        .await
    }

    /// Makes it durable, whatever it is.
    pub async fn close(self) -> Result<(), Error> {
        blocking(move || self.file.sync_all().map_err(Error::io(&self.path))).await
    }

    /// Makes sure that it is the expected file, and durable.
    pub async fn finish(self, name: &str, expected: &ModelFile) -> Result<(), Error> {
        let (name, expected) = (name.to_owned(), expected.clone());
        blocking(move || {
            self.file.sync_all().map_err(Error::io(&self.path))?;
            self.measure.check(&name, &expected)
        })
        .await
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))
}
