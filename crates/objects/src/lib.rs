//! Opens an object store by its address: a folder (`file://` or a path), S3 (`s3://`) or Google Cloud Storage (`gs://`).
//!
//! Which objects there are, and what they mean, is the business of those who use it.

mod access;
mod address;
mod error;

pub use access::{Access, GoogleCredentials, failed};
pub use address::{Address, Scheme};
pub use error::Error;
