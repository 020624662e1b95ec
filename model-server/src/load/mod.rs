//! Makes a version ready to serve: its files fetched and verified, the model started.

mod copies;
mod error;
mod workshop;

pub(crate) use copies::Copies;
pub(crate) use error::LoadError;
pub(crate) use workshop::{Source, Workshop};
