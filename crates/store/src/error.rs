//! What can go wrong with the store, by what a caller would do about it.

use std::fmt;

use sqlx::{error::DatabaseError, migrate::MigrateError};

/// Why an operation of the store did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer in time or not at all: try again later. A change may have been made all the same.
    #[error("the database is not available: {0}")]
    Unavailable(Outage),
    /// There is no such row.
    #[error("not found")]
    NotFound,
    /// The lease is over or another worker has it: stop working on the pipeline.
    #[error("the lease was taken over")]
    Fenced,
    /// The row is not in a state that allows this, or exists already.
    #[error("in conflict with what is stored")]
    Conflict,
    /// A secret can't be sealed or opened, and what is to be done about it: nothing of it is lost.
    #[error("{0}")]
    Sealed(String),
    /// What is stored cannot be read, or cannot be opened by this program: a person must look.
    #[error("the database cannot be used: {0}")]
    Corrupt(String),
}

/// What the database, or the way to it, said.
#[derive(Debug, Clone)]
pub struct Outage {
    said: String,
    /// Whether the database undid the change in favour of another: the same again at once may well succeed.
    pub(crate) crossed: bool,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl StoreError {
    /// The database is unavailable, for a reason that we know ourselves.
    pub(crate) fn unavailable(said: &str) -> Self {
        Self::Unavailable(Outage { said: said.to_owned(), crossed: false })
    }

    /// Whether two writes got into each other's way, so that the same again at once may well succeed.
    pub(crate) fn is_crossed(&self) -> bool {
        matches!(self, Self::Conflict | Self::Unavailable(Outage { crossed: true, .. }))
    }
}

/// SQLite's primary result codes for what passes: no memory, busy, locked, interrupted, read-only, input or output
/// failed, full, cannot be opened.
const PASSING: [u32; 8] = [5, 6, 7, 8, 9, 10, 13, 14];

/// PostgreSQL's classes of what passes: connection, transaction undone, resources, operator's intervention (shut down,
/// starting up, cancelled by a time-out), system.
const PASSING_CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];

/// The same, by their full codes: a lock was not to be had in time, the server only reads, the transaction was idle too long.
const PASSING_STATES: [&str; 4] = ["55P03", "25006", "25P03", "25P04"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(database) => from_database(&**database),
            sqlx::Error::Configuration(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::AnyDriverError(_)
            | sqlx::Error::ColumnNotFound(_) => Self::Corrupt(error.to_string()),
            _ => Self::unavailable(&error.to_string()),
        }
    }
}

fn from_database(error: &dyn DatabaseError) -> StoreError {
    if error.is_unique_violation() {
        return StoreError::Conflict;
    }
    if error.is_foreign_key_violation() {
        return StoreError::NotFound;
    }
    let code = error.code().unwrap_or_default();
    // PostgreSQL's codes have five characters, SQLite's are small numbers: the primary code is their last byte.
    let passing = if code.len() == 5 {
        PASSING_STATES.contains(&&*code) || PASSING_CLASSES.iter().any(|class| code.starts_with(class))
    } else {
        code.parse::<u32>().is_ok_and(|code| PASSING.contains(&(code & 0xff)))
    };
    if passing {
        StoreError::Unavailable(Outage { said: error.to_string(), crossed: code.len() == 5 && code.starts_with("40") })
    } else {
        StoreError::Corrupt(error.to_string())
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
