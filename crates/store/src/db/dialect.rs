//! Where SQLite and PostgreSQL differ. All other SQL is the same for both, save what writes deliveries (see `intake/plan`)
//! and how phases come beside their pipelines (see `pipelines/records`). How a statement is carried out is left to each: it
//! finds an index for it, and no session is told to plan in any way.

use std::{fmt::Write as _, time::Duration};

use crate::StoreError;

/// Which of the two a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The kind of database that a URL names.
    pub(crate) fn of(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(StoreError::Corrupt("the database's URL must begin with sqlite: or postgres:".to_owned())),
        }
    }

    /// What every connection is told first.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            // Only a new file takes the vacuum's mode, before anything else: its free pages can be given back.
            // The time-out first: switching to the write-ahead log may itself have to wait for another process.
            // A commit does not wait for the disk: `log_sync` does, before it is acknowledged. The log is copied into the file by `checkpoints`; a commit does so only where that falls far behind.
            Self::Sqlite => {
                "PRAGMA busy_timeout = 10000; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                 PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 120000; PRAGMA cache_size = -16000; \
                 PRAGMA temp_store = MEMORY"
            }
            // A process that was paused must not hold its locks for ever, nor a connection whose other end is gone.
            Self::Postgres => {
                "SET application_name = 'mlsys'; SET statement_timeout = '12s'; SET lock_timeout = '10s'; \
                 SET idle_in_transaction_session_timeout = '5s'; SET tcp_keepalives_idle = 10; \
                 SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
            }
        }
    }

    /// How long a connection is used. Its statements' plans end with it: PostgreSQL keeps one that it made while a table had
    /// few rows, and such a plan may read the table whole when it has a million. SQLite's plans follow from the indices alone.
    pub(crate) fn connection_lifetime(self) -> Option<Duration> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Duration::from_mins(1)),
        }
    }

    /// Begins a write, and answers the moment as `now`.
    pub(crate) fn begin(self) -> String {
        let begin = match self {
            // The lock is taken at once: a write that began as a read could not wait for another process's write.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        format!("{begin}; SELECT {} AS now", self.clock())
    }

    /// The database's clock, in milliseconds since 1970.
    pub(crate) fn clock(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS BIGINT)",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// Ends a `SELECT` whose row is to stay as it is until the end of the write. SQLite has one writer anyway.
    pub(crate) fn locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// Ends a `SELECT` of rows `c` that nobody else has locked, and locks them.
    pub(crate) fn unlocked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE OF c SKIP LOCKED",
        }
    }

    /// Whether a column is one of the words of the JSON list `parameter`: for any number of them one statement, which finds
    /// each by the column's index.
    pub(crate) fn among(self, column: &str, parameter: &str) -> String {
        self.one_of(column, &self.words(parameter))
    }

    /// A query of the words of the JSON list `parameter`.
    pub(crate) fn words(self, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("SELECT value FROM json_each({parameter})"),
            Self::Postgres => format!("SELECT json_array_elements_text(CAST({parameter} AS json))"),
        }
    }

    /// Whether a column is one of the few that a query answers: they are found first, and then each by the column's index.
    pub(crate) fn one_of(self, column: &str, query: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN ({query})"),
            Self::Postgres => format!("{column} = ANY (ARRAY({query}))"),
        }
    }

    /// The objects of the JSON list `parameter` as the rows of a table `n` with these columns: any number of rows by
    /// one statement, whose text does not depend on how many they are.
    pub(crate) fn rows(self, parameter: &str, columns: &[(&str, &str)]) -> String {
        let mut list = String::new();
        for (place, (name, kind)) in columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = match self {
                // Without its kind, a value is not looked up in an index.
                Self::Sqlite => write!(list, "{comma}CAST(value ->> '$.{name}' AS {kind}) AS {name}"),
                Self::Postgres => write!(list, "{comma}{name} {kind}"),
            };
        }
        match self {
            Self::Sqlite => format!("(SELECT {list} FROM json_each({parameter})) AS n"),
            Self::Postgres => format!("json_to_recordset(CAST({parameter} AS json)) AS n({list})"),
        }
    }
}
