//! SHA-256 of files, and copies that compute it on the way.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use contract::ModelFile;
use sha2::{Digest, Sha256};

use crate::Error;

/// Bytes read at a time.
const CHUNK: usize = 128 * 1024;

/// SHA-256 in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A file's digest and size.
pub(crate) fn measure(from: &Path) -> Result<ModelFile, Error> {
    pump(open(from)?, io::sink()).map_err(Error::io(from))
}

/// Copies a file durably. The digest and size are of the very bytes that were written.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<ModelFile, Error> {
    let source = open(from)?;
    let target = File::create_new(to).map_err(Error::io(to))?;
    let measured = pump(source, &target).map_err(Error::io(to))?;
    target.sync_all().map_err(Error::io(to))?;
    Ok(measured)
}

/// Writes a file durably.
pub(crate) fn write(bytes: &[u8], to: &Path) -> Result<(), Error> {
    let mut target = File::create_new(to).map_err(Error::io(to))?;
    target.write_all(bytes).and_then(|()| target.sync_all()).map_err(Error::io(to))
}

/// Opens a regular file: a link could point anywhere, and a pipe would never end.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let found = fs::symlink_metadata(path).map_err(Error::io(path))?;
    if !found.is_file() {
        return Err(Error::Refused { uri: path.display().to_string(), reason: "not a regular file" });
    }
    File::open(path).map_err(Error::io(path))
}

fn pump(mut from: impl Read, mut to: impl Write) -> io::Result<ModelFile> {
    let (mut hasher, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(ModelFile { sha256: hex::encode(hasher.finalize()), size }),
            read => {
                hasher.update(&chunk[..read]);
                to.write_all(&chunk[..read])?;
                size += read as u64;
            }
        }
    }
}
