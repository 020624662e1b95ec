//! Where a worker process has its pipelines' working folders.
//!
//! Each process has one of its own: a worker that was only thought dead may wake and write into its folder while another
//! one, on the same machine, carries the same pipeline on.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// The beginning of every process's folder name.
const PREFIX: &str = "process-";
/// In each folder: locked for as long as its process lives.
const LOCK: &str = "lock";

/// A process's folder of working folders. Removed when it is dropped, or by the next process after a crash.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    _lock: File,
}

impl WorkFolder {
    /// Makes a new folder under `root`, and removes those of processes that are gone.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        // One process at a time: a folder whose lock is not taken yet looks abandoned.
        let turn = File::create(root.join(LOCK))?;
        turn.lock()?;
        remove_abandoned(root)?;
        let path = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?.keep();
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::debug!(%error, "the working folder is left for the next process to remove");
        }
    }
}

fn remove_abandoned(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        // One without a lock file is being made right now, or was cut off while it was: it is empty.
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        match lock.try_lock() {
            Ok(()) if ours => {
                if let Err(error) = fs::remove_dir_all(&path) {
                    tracing::warn!(%error, path = %path.display(), "an old working folder could not be removed");
                }
            }
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_processes_that_are_gone_are_removed_and_no_others() {
        let root = tempfile::tempdir().expect("a folder");
        let gone = root.path().join("process-gone");
        fs::create_dir(&gone).expect("made");
        File::create(gone.join(LOCK)).expect("made");
        let alive = WorkFolder::open(root.path()).expect("opened");
        assert!(!gone.exists());
        let second = WorkFolder::open(root.path()).expect("opened");
        assert!(alive.path().exists() && second.path().exists());
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists());
    }
}
