//! `file://` addresses.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::Error;

const SCHEME: &str = "file://";

/// The address of an absolute path. It is written as it is: `%` has no special meaning and no place in it.
pub(crate) fn to_uri(path: &Path) -> Result<String, Error> {
    let refused = |reason| Error::Refused { uri: path.display().to_string(), reason };
    let text = path.to_str().ok_or_else(|| refused("the path is not UTF-8"))?;
    if text.contains('%') {
        return Err(refused("the path holds a '%'"));
    }
    Ok(format!("{SCHEME}{text}"))
}

/// The existing folder at an address, all links resolved, which must lie within `allowed_root`.
pub(crate) fn resolve(uri: &str, allowed_root: &Path) -> Result<PathBuf, Error> {
    let refused = |reason| Error::Refused { uri: uri.to_owned(), reason };
    let path = uri.strip_prefix(SCHEME).ok_or_else(|| refused("only file:// is known"))?;
    if !path.starts_with('/') {
        return Err(refused("only this host's files are read: file:///…"));
    }
    if path.contains(['%', '\0']) {
        return Err(refused("percent-encoding is not understood"));
    }
    let path = Path::new(path);
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(refused("it holds '..'"));
    }
    let root = fs::canonicalize(allowed_root).map_err(Error::io(allowed_root))?;
    // Before anything outside is looked at, so that an answer tells nothing about other files.
    if !(path.starts_with(allowed_root) || path.starts_with(&root)) {
        return Err(refused("it is outside the artifact root"));
    }
    let folder = fs::canonicalize(path).map_err(Error::io(path))?;
    if !folder.starts_with(&root) {
        return Err(refused("it is outside the artifact root"));
    }
    Ok(folder)
}
