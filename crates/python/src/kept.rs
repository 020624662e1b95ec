//! The environments that this machine keeps: held while somebody uses them, marked with their last use, removed when
//! nobody does.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::environments::Environments;

/// In an environment: locked by whoever uses it; its time of change is the last use.
const MARKER: &str = "mlsys.used";
/// How the names of folders begin that are being removed.
const REMOVED: &str = ".removed-";

/// A Python to run a notebook with. It can't be removed while this is held; the system gives it back when the process
/// ends, however it ends.
#[derive(Debug)]
pub struct PythonEnvironment {
    /// Names the environment by its content; none is the platform's own.
    pub id: Option<String>,
    /// The interpreter.
    pub python: PathBuf,
    /// Held, not read.
    _in_use: Option<InUse>,
}

/// An environment's marker, locked. Given back, it is marked once more: a run may have used it for long.
#[derive(Debug)]
struct InUse(File);

impl Drop for InUse {
    fn drop(&mut self) {
        // Who may not mark it may still use it.
        let _ = self.0.set_modified(SystemTime::now());
    }
}

/// An environment that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub id: String,
    /// What its files take, in bytes. `uv` may share them with its cache.
    pub bytes: u64,
    /// When it was last in use.
    pub last_used: SystemTime,
}

/// What became of an environment that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// Somebody uses it.
    InUse,
    /// There is none of that name.
    Absent,
}

impl PythonEnvironment {
    /// The platform's own.
    pub(crate) fn platform(python: PathBuf) -> Self {
        Self { id: None, python, _in_use: None }
    }

    /// Takes an environment of a folder in use, and marks the use; none when it isn't there, is being removed, or isn't one
    /// of ours. Blocks as long as a file's opening does.
    ///
    /// # Errors
    /// When its marker can't be opened or locked.
    pub fn hold(directory: &Path, id: &str) -> io::Result<Option<Self>> {
        if !is_id(id) {
            return Ok(None);
        }
        let folder = directory.join(id);
        let python = folder.join("bin/python");
        if !python.exists() {
            return Ok(None);
        }
        let Some(marker) = open_marker(&folder)? else { return Ok(None) };
        match marker.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // It may have been renamed away between opening and locking.
        let (held, there) = (marker.metadata()?.ino(), folder.join(MARKER).metadata().map(|found| found.ino()));
        if !there.is_ok_and(|there| there == held) {
            return Ok(None);
        }
        let in_use = InUse(marker);
        // A folder that is mounted to be read only can be used all the same.
        let _ = in_use.0.set_modified(SystemTime::now());
        Ok(Some(Self { id: Some(id.to_owned()), python, _in_use: Some(in_use) }))
    }
}

impl Environments {
    /// The environments that are kept. Reads every file's size: nothing for the async runtime's own threads.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn kept(&self) -> io::Result<Vec<Kept>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut kept = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let Some(id) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_id(name)) else { continue };
            // One that is removed meanwhile is none that is kept.
            let Ok(used) = path.join(MARKER).metadata().or_else(|_| path.metadata()).and_then(|found| found.modified())
            else {
                continue;
            };
            kept.push(Kept { id: id.to_owned(), bytes: size(&path), last_used: used });
        }
        Ok(kept)
    }

    /// Removes an environment that nobody uses: renames it away, so that no run can start in it, and deletes it then.
    /// What an earlier removal left when it was cut off goes too. Blocks for as long as deleting takes.
    ///
    /// # Errors
    /// When its files can't be removed.
    pub fn remove(&self, id: &str) -> io::Result<Removal> {
        let folder = self.directory.join(id);
        if !is_id(id) || !folder.is_dir() {
            return Ok(Removal::Absent);
        }
        let Some(marker) = open_marker(&folder)? else { return Ok(Removal::Absent) };
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Removal::InUse),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let away = tempfile::Builder::new().prefix(REMOVED).tempdir_in(&self.directory)?;
        std::fs::rename(&folder, away.path().join("environment"))?;
        away.close()?;
        for entry in std::fs::read_dir(&self.directory)?.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with(REMOVED) {
                // Another process may be at it.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(Removal::Removed)
    }
}

fn open_marker(folder: &Path) -> io::Result<Option<File>> {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    let path = folder.join(MARKER);
    // Over a network, who shares a lock has to have it open for reading, and who has it alone for writing.
    match OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path) {
        Err(error) if error.kind() == NotFound => Ok(None),
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => File::open(path).map(Some),
        opened => opened.map(Some),
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a folder's files take. Links are not followed.
fn size(folder: &Path) -> u64 {
    let mut open = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok) {
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => bytes += found.blocks() * 512,
                Err(_) => {}
            }
        }
    }
    bytes
}
