//! What a code host can answer instead of what was asked.

use std::time::Duration;

/// Why the host did not give what was asked for. The texts say what to check.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The host cannot be reached, fails, or is too slow: worth another try.
    #[error("{0}")]
    Unavailable(String),
    /// The repository or the commit is gone, or the token may not even know of it.
    #[error("{0}")]
    NotFound(String),
    /// The token may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// The host refuses more requests for now.
    #[error("the code host refuses more requests for {} s", .retry_after.as_secs())]
    RateLimited {
        /// How long the host asks to wait.
        retry_after: Duration,
    },
    /// The tree is larger than mlsys, or the host, can handle.
    #[error("{0}")]
    TooLarge(String),
    /// git, or the host, gave an answer that cannot be used; another try will give the same.
    #[error("{0}")]
    Git(String),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// This machine's disk.
    #[error("{what}: {source}")]
    Disk {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl ForgeError {
    /// For `map_err`: a failure of this machine's disk while doing `what`.
    pub(crate) fn disk(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Disk { what, source }
    }
}
