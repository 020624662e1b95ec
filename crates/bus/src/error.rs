//! What can go wrong with the bus.

/// Why a message could not be handed over.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The queue does not answer: try again later.
    #[error("the queue is not available: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BusError {
    pub(crate) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }
}
