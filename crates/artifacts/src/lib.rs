//! Packaged model versions in a folder (`file://`), on S3 (`s3://`) or on Google Cloud Storage (`gs://`): put once, fetched
//! whole, verified to the last byte.
//!
//! A version's folder holds `metadata.json`, whose digest names the version's content: it lists the digests of all other
//! files. What the files mean is not this crate's business.
//!
//! | module | knows |
//! |---|---|
//! | `keys` | every name below that |
//! | `bucket` | objects: read, written, copied and removed, a piece at a time |
//! | `version` | a version's files together: there whole or not at all, never changed |
//! | `scan` | which versions there are, whoever put them |
//! | `local` | files on this machine |

mod bucket;
mod error;
mod keys;
mod local;
mod manifest;
mod scan;
mod store;
mod version;

pub use error::Error;
pub use local::verify_version;
pub use scan::{Found, Scanned};
pub use store::{Store, VersionLocation};
