//! Why the server cannot start.

use std::{io, path::PathBuf};

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Models cannot be run.
    #[error(transparent)]
    Runtime(#[from] scoring::RuntimeError),
    /// The artifact store can't be opened.
    #[error("MLSYS_ARTIFACTS: {0}")]
    Artifacts(#[from] artifacts::Error),
    /// There can be no connection to the backend.
    #[error("the backend's client: {0}")]
    Client(#[from] reqwest::Error),
    /// Models in Python could read what is others'.
    #[error(transparent)]
    Open(#[from] sandbox::OpenFolder),
    /// The state directory cannot be used.
    #[error("{}: {source}", path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StartError {
    pub(crate) fn state(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::State { path: path.into(), source }
    }
}
