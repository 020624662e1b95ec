//! Files that are always whole.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Writes a file that is always whole, even when the machine stops, and is its owner's alone.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}
