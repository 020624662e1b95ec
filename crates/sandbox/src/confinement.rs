//! What a process may reach.

use std::path::{Path, PathBuf};

use crate::Egress;

/// What a process may reach. The system's own files can always be read.
#[derive(Debug, Clone, Default)]
pub struct Confinement {
    /// Folders and files that it may read and run.
    pub read: Vec<PathBuf>,
    /// Folders that it may change as well.
    pub write: Vec<PathBuf>,
    /// Whom it may connect to.
    pub egress: Egress,
    /// How much it may take.
    pub limits: Limits,
}

/// How much a process and its descendants may take. Memory is not among it: [`Watch`](crate::Watch) counts that.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Processes and threads of this user, all together, from which on it can start no more. Nothing stops root.
    pub processes: u64,
    /// The largest file it may write, in bytes.
    pub file_size: u64,
    /// Files that one process may have open.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { processes: 16 << 10, file_size: 256 << 30, open_files: 64 << 10 }
    }
}

/// What a Python environment is made of: its own folder, and wherever its interpreter lies.
pub fn python_folders(python: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut add = |bin: Option<&Path>| {
        // `<folder>/bin/python`, or beside it all that it needs.
        let folder = bin.and_then(|bin| if bin.ends_with("bin") { bin.parent() } else { Some(bin) });
        // An interpreter in `~/bin` does not open the whole of it.
        let is_too_much =
            |folder: &Path| folder.parent().is_none() || home.as_ref().is_some_and(|home| home.starts_with(folder));
        let Some(folder) = folder.filter(|folder| !is_too_much(folder)) else { return };
        folders.push(folder.to_owned());
        // Its libraries may lie elsewhere.
        folders.extend(folder.join("lib").canonicalize().ok().filter(|lib| !is_too_much(lib)));
    };
    add(python.parent());
    let configuration = python.parent().and_then(Path::parent).map(|folder| folder.join("pyvenv.cfg"));
    let text = configuration.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let base = text.lines().filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == "home");
    let base = base.map(|(_, folder)| PathBuf::from(folder.trim()).join("python3"));
    for each in base.as_deref().into_iter().chain([python]) {
        add(each.parent());
        if let Ok(real) = each.canonicalize() {
            add(real.parent());
        }
    }
    folders.sort();
    folders.dedup();
    folders
}
