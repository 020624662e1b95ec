//! The database itself: how it is opened and written to, where SQLite and PostgreSQL differ, how values are kept in columns.

mod checkpoints;
pub(crate) mod database;
pub(crate) mod dialect;
pub(crate) mod fields;
mod loan;
mod log_sync;
pub(crate) mod scope;
pub(crate) mod sealing;
pub(crate) mod search;
pub(crate) mod texts;
