//! Unpacks an archive that came over a stream, trusting nothing in it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, symlink},
    path::{Component, Path, PathBuf},
    pin::pin,
    time::Duration,
};

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;
use futures_util::{Stream, StreamExt};
use tar::{Archive, EntryType};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

use crate::ForgeError;

/// How an archive comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Packing {
    Tar,
    TarGz,
}

/// What an archive may hold at most.
#[derive(Debug, Clone, Copy)]
struct Limits {
    bytes: u64,
    entries: usize,
}

const LIMITS: Limits = Limits { bytes: 2 << 30, entries: 200_000 };
/// The longest silence of a stream.
const SILENCE: Duration = Duration::from_mins(1);
/// Chunks that may wait between the network and the disk.
const WAITING_CHUNKS: usize = 16;
/// The tree's place in its temporary folder.
const NEW: &str = "new";
/// The place there of what the tree replaces.
const OLD: &str = "old";

/// An unpacked tree in a temporary folder, gone with this value unless it is put somewhere.
pub(crate) struct Tree {
    temporary: TempDir,
}

impl Tree {
    /// Unpacks an archive into a temporary folder beside `target`, without the archive's one top-level folder.
    pub(crate) async fn unpack<E: std::fmt::Display>(
        archive: impl Stream<Item = Result<Bytes, E>>,
        packing: Packing,
        target: &Path,
    ) -> Result<Self, ForgeError> {
        let (sender, chunks) = mpsc::channel(WAITING_CHUNKS);
        let reader = ChunkReader { chunks, rest: Bytes::new() };
        let target = target.to_owned();
        let unpacking = spawn_blocking(move || {
            let temporary = beside(&target).map_err(ForgeError::disk("making a folder for the tree"))?;
            match packing {
                Packing::Tar => unpack(reader, &temporary.path().join(NEW), LIMITS)?,
                Packing::TarGz => unpack(MultiGzDecoder::new(reader), &temporary.path().join(NEW), LIMITS)?,
            }
            Ok(Self { temporary })
        });
        feed(archive, sender).await?;
        unpacking.await.map_err(|error| ForgeError::Git(format!("unpacking ended early: {error}")))?
    }

    /// Renames the tree to `target`; what was there is removed.
    pub(crate) async fn put_at(self, target: &Path) -> Result<(), ForgeError> {
        let target = target.to_owned();
        let renaming = spawn_blocking(move || {
            let temporary = self.temporary.path();
            let moved_away = fs::rename(&target, temporary.join(OLD));
            if moved_away.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                return moved_away;
            }
            fs::rename(temporary.join(NEW), &target)
        });
        let renamed = renaming.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        renamed.map_err(ForgeError::disk("putting the tree in its place"))
    }
}

fn beside(target: &Path) -> io::Result<TempDir> {
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix(".tree-").tempdir_in(parent)
}

/// Hands the stream's chunks to the unpacking thread, until either ends.
async fn feed<E: std::fmt::Display>(
    archive: impl Stream<Item = Result<Bytes, E>>,
    sender: mpsc::Sender<Bytes>,
) -> Result<(), ForgeError> {
    let mut archive = pin!(archive);
    loop {
        match timeout(SILENCE, archive.next()).await {
            Ok(Some(Ok(chunk))) => {
                if sender.send(chunk).await.is_err() {
                    return Ok(()); // the unpacking thread gave up: its own result says why
                }
            }
            Ok(Some(Err(error))) => return Err(ForgeError::Unavailable(format!("the download broke off: {error}"))),
            Ok(None) => return Ok(()),
            Err(_) => return Err(ForgeError::Unavailable(format!("the download was silent for {} s", SILENCE.as_secs()))),
        }
    }
}

/// The chunks of a stream as a blocking reader.
struct ChunkReader {
    chunks: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// A symbolic link to be made: where, and what it points at.
type Link = (PathBuf, PathBuf);

fn unpack(archive: impl Read, root: &Path, limits: Limits) -> Result<(), ForgeError> {
    fs::create_dir(root).map_err(ForgeError::disk("making a folder for the tree"))?;
    let mut archive = Archive::new(archive.take(limits.bytes));
    let written = write_files(&mut archive, root, limits.entries);
    // Reading on to the very end checks the sum of a compressed archive, and never breaks a writer's pipe.
    let mut rest = archive.into_inner();
    let read = written.and_then(|links| io::copy(&mut rest, &mut io::sink()).map(|_| links).map_err(damaged));
    if rest.limit() == 0 {
        return Err(ForgeError::TooLarge(format!("the tree is larger than {} MiB", limits.bytes >> 20)));
    }
    make_links(root, &read?).map_err(ForgeError::disk("making the tree's links"))
}

/// Writes folders and files. Links are left for later: while there are none, no path can lead out of `root`.
fn write_files(archive: &mut Archive<impl Read>, root: &Path, max_entries: usize) -> Result<Vec<Link>, ForgeError> {
    let disk = ForgeError::disk("writing the tree");
    let mut links = Vec::new();
    for (count, entry) in archive.entries().map_err(damaged)?.enumerate() {
        if count >= max_entries {
            return Err(ForgeError::TooLarge(format!("the tree has more than {max_entries} files and folders")));
        }
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue; // git's note of the commit
        }
        let Some(path) = below_top_folder(&entry.path().map_err(damaged)?)?.map(|path| root.join(path)) else { continue };
        if kind == EntryType::Directory {
            fs::create_dir_all(&path).map_err(&disk)?;
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(root)).map_err(&disk)?;
        match (kind, entry.link_name().map_err(damaged)?) {
            (EntryType::Regular | EntryType::Continuous, _) => {
                let mode = if entry.header().mode().map_err(damaged)? & 0o111 == 0 { 0o644 } else { 0o755 };
                let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(&disk)?;
                copy(&mut entry, &mut file)?;
            }
            (EntryType::Symlink, Some(target)) => links.push((path, target.into_owned())),
            _ => {
                tracing::warn!(tree.path = %path.display(), tree.kind = ?kind, "skipped what is neither file, folder nor link");
            }
        }
    }
    Ok(links)
}

/// An entry's path without its first folder; nothing for that folder itself.
fn below_top_folder(path: &Path) -> Result<Option<PathBuf>, ForgeError> {
    let mut inner = PathBuf::new();
    for component in path.components().filter(|component| *component != Component::CurDir).skip(1) {
        inner.push(component);
    }
    let climbs = |component| !matches!(component, Component::Normal(_) | Component::CurDir);
    if path.components().any(climbs) {
        return Err(ForgeError::Git(format!("the archive has an unsafe path: {}", path.display())));
    }
    Ok((!inner.as_os_str().is_empty()).then_some(inner))
}

/// Copies a file's content; a failure to read is the archive's, a failure to write the disk's.
fn copy(from: &mut impl Read, to: &mut impl io::Write) -> Result<(), ForgeError> {
    let mut buffer = [0; 16 << 10];
    loop {
        match from.read(&mut buffer).map_err(damaged)? {
            0 => return Ok(()),
            length => to.write_all(&buffer[..length]).map_err(ForgeError::disk("writing the tree"))?,
        }
    }
}

/// Makes the links, then removes each that does not lead to something in the tree.
///
/// Where a link leads can depend on other links, so the file system is asked once all are there.
fn make_links(root: &Path, links: &[Link]) -> io::Result<()> {
    let root = root.canonicalize()?;
    for (path, target) in links {
        symlink(target, path)?;
    }
    for (path, target) in links {
        if !path.canonicalize().is_ok_and(|end| end.starts_with(&root)) {
            tracing::warn!(tree.path = %path.display(), tree.target = %target.display(), "skipped a link that leads out of the tree");
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: io::Error) -> ForgeError {
    ForgeError::Unavailable(format!("the archive is damaged: {error}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use EntryType::{Directory, Fifo, Link as HardLink, Regular, Symlink};
    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    use super::*;

    /// An archive of entries as they are: kind, path, and content or link target.
    fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, path, text) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            // Written by hand, for the builder would refuse the paths that matter here.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            let is_file = *kind == Regular;
            if !is_file {
                header.as_gnu_mut().unwrap().linkname[..text.len()].copy_from_slice(text.as_bytes());
            }
            let content = if is_file { text.as_bytes() } else { b"" };
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn unpacked(archive: &[u8], limits: Limits) -> (TempDir, Result<(), ForgeError>) {
        let folder = tempfile::tempdir().unwrap();
        let result = unpack(archive, &folder.path().join("new"), limits);
        (folder, result)
    }

    #[test]
    fn a_path_that_climbs_is_refused_and_writes_nothing_outside() {
        for path in ["top/../../evil", "../evil", "/evil", "top/a/../../../evil", "/top/evil", ".."] {
            let (folder, result) = unpacked(&archive(&[(Regular, path, "x")]), LIMITS);
            assert!(matches!(result, Err(ForgeError::Git(_))), "{path}: {result:?}");
            assert!(!folder.path().join("evil").exists());
        }
    }

    #[test]
    fn no_chain_of_links_leads_out() {
        let entries = [
            (Directory, "top/d", ""),
            (Symlink, "top/d/here", "."),
            (Symlink, "top/d/out", "here/../.."),
            (Symlink, "top/root", "/"),
            (Symlink, "top/through", "root/etc"),
            (Symlink, "top/loop", "loop"),
            (Symlink, "top/fine", "d/here"),
        ];
        let (folder, result) = unpacked(&archive(&entries), LIMITS);
        result.unwrap();
        let exists = |path: &str| folder.path().join("new").join(path).symlink_metadata().is_ok();
        assert_eq!(["d/here", "fine"].map(exists), [true; 2]);
        assert_eq!(["d/out", "root", "through", "loop"].map(exists), [false; 4]);
    }

    #[test]
    fn a_file_below_a_link_is_not_written_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let entries = [(Symlink, "top/link", folder.path().to_str().unwrap()), (Regular, "top/link/evil", "x")];
        let (_unpacked, result) = unpacked(&archive(&entries), LIMITS);
        assert!(result.is_err());
        assert!(!folder.path().join("evil").exists());
    }

    #[test]
    fn pipes_and_hard_links_are_left_out() {
        let entries = [(Regular, "top/file", "x"), (HardLink, "top/hard", "/etc/passwd"), (Fifo, "top/pipe", "")];
        let (folder, result) = unpacked(&archive(&entries), LIMITS);
        result.unwrap();
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }

    #[test]
    fn a_tree_over_the_limits_is_refused_however_small_it_was_packed() {
        let zeros = archive(&[(Regular, "top/zeros", &"0".repeat(1 << 20))]);
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        io::Write::write_all(&mut packed, &zeros).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 10_000);
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes: 1 << 20, ..LIMITS };
        let result = unpack(MultiGzDecoder::new(&*packed), &folder.path().join("new"), limits);
        assert!(matches!(result, Err(ForgeError::TooLarge(_))), "{result:?}");

        let (_folder, result) =
            unpacked(&archive(&[(Directory, "top/a", ""), (Directory, "top/b", "")]), Limits { entries: 1, ..LIMITS });
        assert!(matches!(result, Err(ForgeError::TooLarge(_))), "{result:?}");
    }
}
