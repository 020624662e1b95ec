//! What the double keeps.

use std::collections::BTreeMap;

use axum::body::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// All buckets, and the uploads under way.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub buckets: BTreeMap<String, BTreeMap<String, Object>>,
    pub uploads: BTreeMap<String, Upload>,
    /// The number that was given last.
    latest: u64,
}

/// An object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub bytes: Bytes,
    pub generation: u64,
    pub etag: String,
    pub modified: Timestamp,
}

/// An upload in parts.
#[derive(Debug)]
pub(super) struct Upload {
    pub bucket: String,
    pub key: String,
    pub parts: BTreeMap<u32, Object>,
}

impl Objects {
    /// A new number, higher than all before.
    pub fn number(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    /// An object or a part with these bytes.
    pub fn object(&mut self, bytes: Bytes) -> Object {
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&bytes)[..16]));
        Object { bytes, generation: self.number(), etag, modified: Timestamp::now() }
    }
}
