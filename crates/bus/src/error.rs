//! What can go wrong with the bus.

/// Why the bus could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// It does not answer: try again later.
    #[error("the queue is not available: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No such address can be used, now or later: the settings are wrong.
    #[error("not an address of a queue: {0}")]
    Url(String),
}

impl BusError {
    pub(crate) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }
}
