//! The folder of a confined kernel: nothing else can be written by what runs there.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use sandbox::{Confinement, python_folders};
use tempfile::TempDir;

use crate::KernelSpec;

/// A confined kernel's folder, and the tree that was moved into it. Dropping it removes the folder, and gives the tree back.
#[derive(Debug)]
pub struct Room {
    folder: TempDir,
    /// Where the tree lay; a link stands there meanwhile.
    lent: Option<PathBuf>,
}

impl Room {
    /// A new one, if the kernel is to be confined.
    pub(crate) fn furnish(spec: &KernelSpec) -> io::Result<Option<Self>> {
        let Some(confined) = &spec.confined else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("room-").tempdir_in(&confined.rooms)?;
        let room = Self { folder, lent: None };
        std::fs::create_dir(room.home())?;
        // Found once for all fonts of the machine; finding them again takes seconds.
        if let Err(error) = lay_out_fonts(&room.home()) {
            tracing::debug!(%error, "a kernel has to look for fonts by itself");
        }
        Ok(Some(room))
    }

    /// What a kernel in it may reach.
    pub(crate) fn confinement(&self, spec: &KernelSpec, directory: &Path) -> Confinement {
        let mut read = python_folders(&spec.python);
        read.extend(spec.confined.iter().flat_map(|confined| confined.read.iter().cloned()));
        let egress = spec.confined.as_ref().map(|confined| confined.egress.clone()).unwrap_or_default();
        let write = vec![self.folder.path().to_owned(), directory.to_owned()];
        Confinement { read, write, egress, ..Confinement::default() }
    }

    /// What a kernel in it is told by its environment. Temporary files lie in the kernel's own directory, whose path is
    /// short: sockets are made among them.
    pub(crate) fn variables(&self, temporary: &Path) -> [(&'static str, OsString); 3] {
        // Names are asked for by connections, where datagrams can't be sent.
        [("HOME", self.home().into()), ("TMPDIR", temporary.into()), ("RES_OPTIONS", "use-vc".into())]
    }

    /// Moves a tree into the room, until the room is dropped; its new place. A link leads there from the old one.
    ///
    /// # Errors
    /// When it lies on another disk, or can't be moved.
    pub fn take_in(&mut self, tree: &Path) -> io::Result<PathBuf> {
        let inside = self.inside();
        std::fs::rename(tree, &inside)?;
        self.lent = Some(tree.to_owned());
        std::os::unix::fs::symlink(&inside, tree)?;
        Ok(inside)
    }

    /// A folder for what is made here. It is not there yet.
    pub fn made(&self) -> PathBuf {
        self.folder.path().join("made")
    }

    /// Moves a folder that was made in the room to its place outside. Nothing happens if there is none.
    ///
    /// # Errors
    /// When something else is there, or it can't be moved.
    pub fn hand_out(&self, made: &Path, outside: &Path) -> io::Result<()> {
        if made.symlink_metadata().is_err() {
            return Ok(());
        }
        if let Some(folder) = outside.parent() {
            std::fs::create_dir_all(folder)?;
        }
        give_back(made, outside)
    }

    fn inside(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Some(tree) = self.lent.take() else { return };
        if let Err(error) = std::fs::remove_file(&tree).and_then(|()| give_back(&self.inside(), &tree)) {
            tracing::warn!(%error, "a tree is fetched again when it is needed");
        }
    }
}

/// Moves a folder out of a room. A link that the run put in its place stays where it is.
///
/// # Errors
/// When it is no folder, or can't be moved.
fn give_back(inside: &Path, outside: &Path) -> io::Result<()> {
    if !inside.symlink_metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    std::fs::rename(inside, outside)
}

fn lay_out_fonts(home: &Path) -> io::Result<()> {
    let Some(own) = std::env::var_os("HOME") else { return Ok(()) };
    let (from, to) = (Path::new(&own).join(".cache/matplotlib"), home.join(".cache/matplotlib"));
    for entry in std::fs::read_dir(from)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("fontlist") {
            std::fs::create_dir_all(&to)?;
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
