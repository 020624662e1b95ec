//! What can go wrong, by what a caller does about it.

use store::StoreError;
use warehouse::TableName;

/// Why a batch prediction can't be made, or did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input lacks columns that the model needs. The text names both.
    #[error("{0}")]
    Missing(String),
    /// A column of the input is of a type that the model does not take. The text names both.
    #[error("{0}")]
    WrongType(String),
    /// There is no such version, or none is deployed.
    #[error("{0}")]
    NotFound(String),
    /// The input has no rows.
    #[error("{table} has no rows")]
    Empty {
        /// The input.
        table: TableName,
    },
    /// What is asked for contradicts itself, or the input.
    #[error("{0}")]
    Refused(String),
    /// A row can't be scored, and none may be rejected.
    #[error(
        "row {row} of the input (from 0) can't be scored: {reason}; with on_reject = table such rows go to a table of their own"
    )]
    Rejected {
        /// Which row.
        row: u64,
        /// Why.
        reason: String,
    },
    /// The model can't be computed here, or not now: trying again may help.
    #[error("the model: {0}")]
    Model(String),
    /// The output can't take the rows any more. A job that is made now may be able to.
    #[error("{0}; nothing of this job is in the output: make another one")]
    Overtaken(String),
    /// What was written in the place of others can't be used.
    #[error("what is kept of this batch prediction can't be read: {0}")]
    Kept(String),
    /// A table can't be read or written.
    #[error(transparent)]
    Warehouse(#[from] warehouse::Error),
    /// The database can't say what there is, or not keep what is to be done.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The model's files can't be read.
    #[error(transparent)]
    Artifacts(#[from] artifacts::Error),
    /// It was told to stop.
    #[error("it was stopped")]
    Stopped,
}

impl Error {
    /// Whether trying again may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use warehouse::Error as Table;
        match self {
            Self::Model(_) | Self::Stopped => true,
            Self::Store(error) => !matches!(error, StoreError::Corrupt(_) | StoreError::Sealed(_)),
            Self::Artifacts(error) => matches!(error, artifacts::Error::Unavailable { .. }),
            Self::Warehouse(error) => match error {
                Table::Busy { .. } | Table::Unsure { .. } => true,
                Table::Objects(error) => !matches!(error, objects::Error::Refused { .. } | objects::Error::Denied { .. }),
                _ => false,
            },
            _ => false,
        }
    }
}
