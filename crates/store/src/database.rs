//! The database: how it is opened, and who may write.

use std::time::Duration;

use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Transaction,
    any::{AnyPoolOptions, install_default_drivers},
};

use crate::StoreError;

/// How many readers work at once. Writers never block them.
const READERS: u32 = 4;

/// How long an operation waits for a free connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// The store. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: AnyPool,
    reader: AnyPool,
}

/// An open write.
pub(crate) type Write = Transaction<'static, Any>;

impl Store {
    /// Opens the database at `sqlite:///path/to/file`, creates the file where it is missing (its directory must
    /// exist) and brings its tables up to date.
    pub async fn open(database_url: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let separator = if database_url.contains('?') { '&' } else { '?' };
        let url = format!("{database_url}{separator}mode=rwc");
        // By a connection of its own: a pool would try a file that is no database again and again.
        let mut first = AnyConnection::connect(&url).await?;
        configure(&mut first).await?;
        sqlx::migrate!().run(&mut first).await?;
        first.close().await?;
        // SQLite has one writer at a time. A pool of one makes writers queue here, in order and without errors,
        // instead of in the file's lock.
        let writer = pool(1).connect(&url).await?;
        let reader = pool(READERS).connect(&url).await?;
        Ok(Self { writer, reader })
    }

    /// Begins a write. Dropped without a commit, it leaves no trace.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        // The lock is taken at once: a write that began as a read could not wait for another process's write.
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Where reads go: each statement sees one moment.
    pub(crate) fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// Waits for running operations and closes the files. Every later operation fails.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn pool(size: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(configure(connection)))
}

async fn configure(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    // The time-out first: switching to the write-ahead log may itself have to wait for another process.
    for pragma in [
        "PRAGMA busy_timeout = 10000",
        "PRAGMA journal_mode = WAL",
        // A commit returns after its fsync: what was acknowledged survives a power cut.
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    ] {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}
