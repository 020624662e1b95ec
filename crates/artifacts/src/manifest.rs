//! `metadata.json`: what a version consists of.

use std::collections::BTreeSet;

use contract::{MANIFEST_FILE, ModelFile, ModelManifest, PROVENANCE_FILE};
use sha2::{Digest, Sha256};

use crate::{Error, keys};

/// A manifest is small; more than this is something else.
pub(crate) const LIMIT: u64 = 16 * 1024 * 1024;

/// A manifest, and the very bytes that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes, in lower-case hex.
    pub sha256: String,
    pub meaning: ModelManifest,
}

impl Manifest {
    /// Reads a manifest, whose digest must be `expected` where that is given.
    pub fn parse(bytes: Vec<u8>, expected: Option<&str>) -> Result<Self, Error> {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        if expected.is_some_and(|expected| sha256 != expected) {
            return Err(Error::mismatch(MANIFEST_FILE));
        }
        let meaning: ModelManifest =
            serde_json::from_slice(&bytes).map_err(|error| Error::bad_manifest(error.to_string()))?;
        match meaning
            .files
            .keys()
            .find(|name| !keys::is_file_name(name) || [MANIFEST_FILE, PROVENANCE_FILE].contains(&name.as_str()))
        {
            Some(name) => Err(Error::bad_manifest(format!("{name:?} cannot be a file's name"))),
            None => Ok(Self { bytes, sha256, meaning }),
        }
    }

    /// The files that it lists, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = (&str, &ModelFile)> {
        self.meaning.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// Checks that it lists what is named, and nothing else.
    pub fn names(&self, named: &[&str]) -> Result<(), Error> {
        let listed: BTreeSet<_> = self.files().map(|(name, _)| name).chain([MANIFEST_FILE]).collect();
        match listed.symmetric_difference(&named.iter().copied().collect()).next() {
            Some(name) => Err(Error::bad_manifest(format!("{name:?} must be both put and listed under \"files\""))),
            None => Ok(()),
        }
    }
}

/// What passes of a file, summed up on the way.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    hasher: Sha256,
    size: u64,
}

impl Measure {
    pub fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Checks that what passed is the file.
    pub fn check(self, name: &str, expected: &ModelFile) -> Result<(), Error> {
        let found = ModelFile { sha256: hex::encode(self.hasher.finalize()), size: self.size };
        if found == *expected { Ok(()) } else { Err(Error::mismatch(name)) }
    }
}
