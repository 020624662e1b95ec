//! What can go wrong, by what a caller would do about it.

use std::{io, path::Path};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why files could not be put, fetched or verified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The version is there already, with other content. Versions never change: use the next number.
    #[error("{uri} exists with other content")]
    Conflict {
        /// The version's folder.
        uri: String,
    },
    /// Something that should be there is not.
    #[error("{path} does not exist")]
    Missing {
        /// The file or folder.
        path: String,
    },
    /// The address is one that must not be read or written.
    #[error("{uri:?} is refused: {reason}")]
    Refused {
        /// The address.
        uri: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The store does not accept our credentials, or there are none: a person has to set others.
    #[error("{path}: access is denied; check {settings}: {reason}")]
    Denied {
        /// What was to be read or written.
        path: String,
        /// The settings that credentials are taken from.
        settings: &'static str,
        /// What the store says.
        reason: String,
    },
    /// A file is not the one that was put.
    #[error("{file} does not have the expected SHA-256 digest")]
    DigestMismatch {
        /// The file's name.
        file: String,
    },
    /// `metadata.json` cannot be used.
    #[error("metadata.json: {reason}")]
    BadManifest {
        /// What is wrong with it.
        reason: String,
    },
    /// The store, the network or this machine failed: trying again may help.
    #[error("{path}: {source}")]
    Unavailable {
        /// The file or folder.
        path: String,
        /// What it says.
        source: Source,
    },
}

impl Error {
    /// Turns a system error about a path into ours.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let failed = objects::Error::io(path);
        move |source| failed(source).into()
    }

    pub(crate) fn bad_manifest(reason: impl Into<String>) -> Self {
        Self::BadManifest { reason: reason.into() }
    }

    pub(crate) fn mismatch(file: &str) -> Self {
        Self::DigestMismatch { file: file.to_owned() }
    }
}

impl From<objects::Error> for Error {
    fn from(error: objects::Error) -> Self {
        match error {
            objects::Error::Missing { path } => Self::Missing { path },
            objects::Error::Refused { uri, reason } => Self::Refused { uri, reason },
            objects::Error::Denied { path, settings, reason } => Self::Denied { path, settings, reason },
            objects::Error::Unavailable { path, source } => Self::Unavailable { path, source },
        }
    }
}
