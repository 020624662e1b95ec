//! Where the files are: beside the notebooks. The one in a notebook's own folder belongs to it, or else the nearest one above.

use std::{fs, io, path::Path};

use pipeline::DECLARATIONS;

use crate::{File, Problem};

/// How many such files a repository may have, and how long one may be, in bytes.
const MOST: usize = 200;
const LONGEST: u64 = 256 << 10;

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Its path from the root.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What it declares, or what is wrong with it.
    pub file: Result<File, Vec<Problem>>,
}

/// The file that belongs to a notebook at a path from the root.
///
/// # Errors
/// When it can't be read.
pub fn belonging(root: &Path, notebook: &str) -> io::Result<Option<Read>> {
    let mut folder = notebook;
    while let Some((above, _)) = folder.rsplit_once('/') {
        if let Some(read) = at(root, &format!("{above}/{DECLARATIONS}"))? {
            return Ok(Some(read));
        }
        folder = above;
    }
    at(root, DECLARATIONS)
}

/// All files below a root, by path; but none in hidden folders.
///
/// # Errors
/// When a folder or a file can't be read.
pub fn all(root: &Path) -> io::Result<Vec<Read>> {
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            // Links lead elsewhere.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(path);
            } else if pipeline::declares(&path) {
                found.extend(at(root, &path)?);
            }
        }
        if found.len() > MOST {
            return Err(io::Error::other(format!("there are more than {MOST} files called {DECLARATIONS}")));
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// The file at a path from the root, if it is there.
///
/// # Errors
/// When it can't be read.
pub fn at(root: &Path, path: &str) -> io::Result<Option<Read>> {
    let place = root.join(path);
    let length = match fs::symlink_metadata(&place) {
        Ok(found) if found.is_file() => found.len(),
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(error),
    };
    let unreadable = |problem: &str, fix: &str| {
        let problem =
            Problem { file: path.to_owned(), line: None, column: None, problem: problem.to_owned(), fix: fix.to_owned() };
        Ok(Some(Read { path: path.to_owned(), text: String::new(), file: Err(vec![problem]) }))
    };
    if length > LONGEST {
        return unreadable("it has more than 256 KB", "declare less in one file");
    }
    let Ok(text) = String::from_utf8(fs::read(&place)?) else {
        return unreadable("it is no text in UTF-8", "save it as UTF-8");
    };
    let file = File::read(path, &text).and_then(|file| {
        let missing = file.missing(path, &text, |notebook| root.join(notebook).is_file());
        if missing.is_empty() { Ok(file) } else { Err(missing) }
    });
    Ok(Some(Read { path: path.to_owned(), text, file }))
}
