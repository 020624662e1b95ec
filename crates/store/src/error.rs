//! What can go wrong with the store, by what a caller would do about it.

use sqlx::migrate::MigrateError;

/// Why an operation of the store did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer in time or not at all: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// The lease is over or another worker has it: stop working on the pipeline.
    #[error("the lease was taken over")]
    Fenced,
    /// The row is not in a state that allows this, or exists already.
    #[error("in conflict with what is stored")]
    Conflict,
    /// What is stored cannot be read, or cannot be opened by this program: a person must look.
    #[error("the database cannot be used: {0}")]
    Corrupt(String),
}

/// SQLite's primary result codes for a damaged file and for a file that is no database.
const DAMAGED: [&str; 2] = ["11", "26"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(database) if database.is_foreign_key_violation() => Self::NotFound,
            sqlx::Error::Database(database) if database.code().is_some_and(|code| DAMAGED.contains(&code.as_ref())) => {
                Self::Corrupt(error.to_string())
            }
            sqlx::Error::Configuration(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Corrupt(other.to_string()),
        }
    }
}
