//! A version's folder: verified where it is, or copied while it is verified.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use contract::{MANIFEST_FILE, ModelFile, ModelManifest};
use tempfile::TempDir;

use crate::{
    Error,
    digest::{self, sha256},
    keys, location,
};

/// A manifest is small; more than this is something else.
const MANIFEST_LIMIT: u64 = 16 * 1024 * 1024;

/// Copies the version at `uri` into the folder `into`, which appears whole or not at all and replaces an older one.
/// `sha256` is the digest of its `metadata.json`. The files lie within `allowed_root`, whatever the address says.
pub async fn fetch_version(uri: &str, sha256: &str, allowed_root: &Path, into: &Path) -> Result<ModelManifest, Error> {
    let (uri, sha256, root, into) = (uri.to_owned(), sha256.to_owned(), allowed_root.to_owned(), into.to_owned());
    blocking(move || {
        let from = location::resolve(&uri, &root)?;
        let incoming = Incoming::beside(&into)?;
        let manifest = incoming.fill(&from, Some(&sha256))?.1;
        if into.exists() {
            fs::remove_dir_all(&into).map_err(Error::io(&into))?;
        }
        incoming.settle(&into)?;
        Ok(manifest)
    })
    .await
}

/// Checks a version's folder on this machine: `metadata.json` against `sha256`, every other file against the manifest.
pub async fn verify_version(folder: &Path, sha256: &str) -> Result<ModelManifest, Error> {
    let (folder, sha256) = (folder.to_owned(), sha256.to_owned());
    blocking(move || verify(&folder, &sha256)).await
}

pub(crate) fn verify(folder: &Path, sha256: &str) -> Result<ModelManifest, Error> {
    let (_, manifest) = read_manifest(folder, Some(sha256))?;
    for (name, expected) in &manifest.files {
        check(name, expected, &digest::measure(&folder.join(name))?)?;
    }
    Ok(manifest)
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(lost) => Err(Error::Io { path: "file work".to_owned(), source: lost.into() }),
    }
}

/// The manifest's bytes and meaning; its digest must be `sha256` where one is given.
pub(crate) fn read_manifest(folder: &Path, expected: Option<&str>) -> Result<(Vec<u8>, ModelManifest), Error> {
    let path = folder.join(MANIFEST_FILE);
    let mut bytes = Vec::new();
    digest::open(&path)?.take(MANIFEST_LIMIT).read_to_end(&mut bytes).map_err(Error::io(&path))?;
    if expected.is_some_and(|expected| sha256(&bytes) != expected) {
        return Err(Error::DigestMismatch { file: MANIFEST_FILE.to_owned() });
    }
    let manifest: ModelManifest = serde_json::from_slice(&bytes).map_err(|error| Error::bad_manifest(error.to_string()))?;
    check_names(&manifest.files)?;
    Ok((bytes, manifest))
}

fn check_names(files: &BTreeMap<String, ModelFile>) -> Result<(), Error> {
    match files.keys().find(|name| !keys::is_file_name(name) || *name == MANIFEST_FILE) {
        Some(name) => Err(Error::bad_manifest(format!("{name:?} cannot be a file's name"))),
        None => Ok(()),
    }
}

fn check(name: &str, expected: &ModelFile, found: &ModelFile) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::DigestMismatch { file: name.to_owned() }) }
}

/// A folder being filled; removed again unless it is settled.
pub(crate) struct Incoming {
    folder: TempDir,
    parent: PathBuf,
}

impl Incoming {
    /// A new folder beside `target`, so that settling is one rename.
    pub(crate) fn beside(target: &Path) -> Result<Self, Error> {
        let parent = target.parent().unwrap_or(Path::new("/")).to_owned();
        fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
        let readable = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix(keys::INCOMING).permissions(readable).tempdir_in(&parent);
        Ok(Self { folder: folder.map_err(Error::io(&parent))?, parent })
    }

    /// Copies a version's files, verified on the way. Gives the manifest's digest and meaning.
    pub(crate) fn fill(&self, from: &Path, expected: Option<&str>) -> Result<(String, ModelManifest), Error> {
        let (bytes, manifest) = read_manifest(from, expected)?;
        let path = self.folder.path();
        for (name, expected) in &manifest.files {
            check(name, expected, &digest::copy(&from.join(name), &path.join(name))?)?;
        }
        digest::write(&bytes, &path.join(MANIFEST_FILE))?;
        sync(path)?;
        Ok((sha256(&bytes), manifest))
    }

    /// Gives the folder its name, durably. Fails when a folder of that name has files in it.
    pub(crate) fn settle(self, target: &Path) -> Result<(), Error> {
        fs::rename(self.folder.path(), target).map_err(Error::io(target))?;
        // Its name has changed: there is nothing left to remove.
        let _ = self.folder.keep();
        sync(&self.parent)
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))
}
