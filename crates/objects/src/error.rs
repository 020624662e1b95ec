//! What can go wrong, by what a caller would do about it.

use std::{io, path::Path};

/// Why a store could not be opened, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// The store, the network or this machine failed: trying again may help.
    #[error("{path}: {source}")]
    Unavailable {
        /// The file or folder.
        path: String,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Turns a system error about a path into ours.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.display().to_string();
            if source.kind() == io::ErrorKind::NotFound {
                Self::Missing { path }
            } else {
                Self::Unavailable { path, source: source.into() }
            }
        }
    }
}
