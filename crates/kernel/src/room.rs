//! The folder of a confined kernel: beside what its repository's data is, nothing else can be written by what runs there.

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
        // All of it before anything runs there, which could put links in its way.
        std::fs::create_dir(room.export())?;
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
        // What the variables name that it inherits.
        let named = ["SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH"].into_iter().filter_map(std::env::var_os);
        read.extend(named.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()));
        let egress = spec.confined.as_ref().map(|confined| confined.egress.clone()).unwrap_or_default();
        let mut write = vec![self.folder.path().to_owned(), directory.to_owned()];
        write.extend(spec.confined.iter().flat_map(|confined| confined.write.iter().cloned()));
        Confinement { read, write, egress, ..Confinement::default() }
    }

    /// What a kernel in it is told by its environment. Temporary files lie in the kernel's own directory, whose path is
    /// short: sockets are made among them.
    pub(crate) fn variables(&self, spec: &KernelSpec, temporary: &Path) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![("HOME", self.home().into()), ("TMPDIR", temporary.into())];
        let egress = spec.confined.as_ref().map(|confined| &confined.egress);
        if egress.is_some_and(|egress| !egress.is_everybody()) {
            // Names are asked for by connections, where datagrams can't be sent.
            variables.push(("RES_OPTIONS", "use-vc".into()));
        }
        variables
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

    /// A folder for the file that is exported.
    pub fn export(&self) -> PathBuf {
        self.folder.path().join("export")
    }

    /// A folder for what is made of that. It is not there yet.
    pub fn made(&self) -> PathBuf {
        self.folder.path().join("made")
    }

    /// A file for what the run writes down of what it read. It is not there yet.
    pub fn reads(&self) -> PathBuf {
        self.folder.path().join("reads")
    }

    /// Moves [`made`](Self::made) to its place outside. Nothing happens if there is none. The run must have ended.
    ///
    /// # Errors
    /// When it is no folder, something else is at that place, or it can't be moved.
    pub fn hand_out(&self, outside: &Path) -> io::Result<()> {
        if self.made().symlink_metadata().is_err() {
            return Ok(());
        }
        if let Some(folder) = outside.parent() {
            std::fs::create_dir_all(folder)?;
        }
        give_back(&self.made(), outside)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Confined;

    #[test]
    fn names_are_asked_for_by_connections_only_where_datagrams_are_refused() {
        let rooms = tempfile::tempdir().expect("a folder");
        for (egress, restricted) in [("all", false), ("all,localhost:5432", false), ("none", true), ("example.org", true)] {
            let egress = egress.parse().expect("places");
            let confined = Some(Confined { rooms: rooms.path().to_owned(), read: Vec::new(), write: Vec::new(), egress });
            let spec = KernelSpec { python: "python3".into(), memory_limit: None, preload: Vec::new(), confined };
            let room = Room::furnish(&spec).expect("furnished").expect("a room");
            let variables = room.variables(&spec, rooms.path());
            assert_eq!(variables.iter().any(|(name, _)| *name == "RES_OPTIONS"), restricted, "{variables:?}");
        }
    }
}
