//! What can go wrong, by what a caller would do about it.

use crate::TableName;

/// Why a table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table's name is not three plain parts.
    #[error("{given:?} is no table's name: {reason}")]
    BadName {
        /// What was given.
        given: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// There is no such table.
    #[error("there is no table {table}")]
    NoTable {
        /// Its name.
        table: TableName,
    },
    /// The table's log has no such version any more, or not yet.
    #[error("{table} has no version {version}; it has {oldest} to {latest}")]
    NoVersion {
        /// Its name.
        table: TableName,
        /// What was asked for.
        version: u64,
        /// The oldest there is.
        oldest: u64,
        /// The newest there is.
        latest: u64,
    },
    /// It was to be written only if it is empty, and has rows.
    #[error("{table} has rows, and WRITE_EMPTY writes only to an empty table; use WRITE_APPEND or WRITE_TRUNCATE")]
    NotEmpty {
        /// Its name.
        table: TableName,
    },
    /// Rows do not fit the table.
    #[error("{table}, column {column:?}: {reason}")]
    Unfit {
        /// Its name.
        table: TableName,
        /// The column.
        column: String,
        /// Why its values cannot be written.
        reason: String,
    },
    /// The table, or what is to become one, uses what is not supported here.
    #[error("{table}: {what}")]
    Unsupported {
        /// Its name.
        table: TableName,
        /// What it is.
        what: String,
    },
    /// Something that a table consists of cannot be read.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer to a change was lost: it was made, or not.
    #[error("whether version {version} of {table} was written is not known; look at it before you try again: {source}")]
    Unsure {
        /// Its name.
        table: TableName,
        /// The version that it would be.
        version: u64,
        /// What happened.
        source: Box<Self>,
    },
    /// Others changed the table again and again, each time a moment earlier: trying again may help.
    #[error("{table} is changed by too many at once; try again")]
    Busy {
        /// Its name.
        table: TableName,
    },
    /// The folder or bucket cannot be used, or not now.
    #[error(transparent)]
    Objects(#[from] objects::Error),
}
