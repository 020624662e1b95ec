//! Packaged model versions in `file://` buckets: put once, fetched whole, verified to the last byte.
//!
//! A version's folder holds `metadata.json`, whose digest names the version's content: it lists the digests of all other
//! files. What the files mean is not this crate's business.

mod digest;
mod error;
mod folder;
mod keys;
mod location;
mod retention;
mod store;

pub use error::Error;
pub use folder::{fetch_version, verify_version};
pub use store::{Store, VersionLocation};
