//! The database: how it is opened, who may write, and how long anybody waits for it.

use std::{future::Future, path::Path, time::Duration};

use sqlx::{
    Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Row,
    any::{AnyArguments, AnyRow, install_default_drivers},
};
use tokio::sync::oneshot;

use crate::{
    StoreError,
    db::checkpoints::Checkpoints,
    db::dialect::Dialect,
    db::loan::{Lane, Loan, configure, pool},
    db::log_sync::LogSync,
};

/// How many connections a process has to PostgreSQL.
const CONNECTIONS: u32 = 16;

/// How many readers work at once on SQLite. Writers never block them.
const READERS: u32 = 4;

/// How long an operation waits for a free connection, and then for the answer to each of its statements.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// How long another process may take to make a new SQLite file ready.
const START: Duration = Duration::from_secs(15);

/// A statement with its values.
pub(crate) type Query<'q> = sqlx::query::Query<'q, Any, AnyArguments>;

/// The connections. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Who reads; on PostgreSQL, also who writes.
    pool: AnyPool,
    /// The way in. One connection: who waits for it shares the next transaction, and two would halve what they share. On
    /// SQLite, which has one writer at a time, all who write: they queue here, in order and without errors, instead of in
    /// the file's lock.
    lane: Lane,
    /// SQLite's only: PostgreSQL sees to it by itself.
    log: Option<Log>,
    pub(crate) dialect: Dialect,
}

/// Who sees to SQLite's write-ahead log.
#[derive(Debug, Clone)]
struct Log {
    checkpoints: Checkpoints,
    sync: LogSync,
}

impl Database {
    /// Opens the database and brings its tables up to date, also when other processes do the same at this moment.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let dialect = Dialect::of(url)?;
        match dialect {
            Dialect::Postgres => {
                // By a connection of its own: a pool would try a server that refuses us again and again.
                in_time(async {
                    let mut first = AnyConnection::connect(url).await?;
                    configure(dialect, &mut first).await?;
                    // It takes a lock: of many processes one makes the tables.
                    sqlx::migrate!().run_direct(None, &mut first, false).await.map_err(StoreError::from)?;
                    Ok::<_, StoreError>(first.close().await?)
                })
                .await?;
                Ok(Self { pool: pool(dialect, CONNECTIONS, url)?, lane: Lane::new(dialect, url), log: None, dialect })
            }
            Dialect::Sqlite => {
                let separator = if url.contains('?') { '&' } else { '?' };
                let url = format!("{url}{separator}mode=rwc");
                prepare_file(&url).await?;
                let mut connection = AnyConnection::connect(&url).await?;
                configure(dialect, &mut connection).await?;
                let log = Some(Log::start(connection).await?);
                Ok(Self { pool: pool(dialect, READERS, &url)?, lane: Lane::new(dialect, &url), log, dialect })
            }
        }
    }

    /// Begins a write. Dropped without a commit, it leaves no trace.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        let mut loan = match self.dialect {
            Dialect::Postgres => Loan::of(&self.pool).await?,
            Dialect::Sqlite => self.lane.lend().await?,
        };
        let begin = sqlx::raw_sql(AssertSqlSafe(self.dialect.begin()));
        let rows: Vec<AnyRow> = in_time(begin.fetch_all(&mut *loan)).await?;
        let now = rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get("now")?;
        Ok(Write { loan, log: self.log.clone(), dialect: self.dialect, now })
    }

    /// All rows of a read. Each statement sees one moment.
    pub(crate) async fn all(&self, query: Query<'_>) -> Result<Vec<AnyRow>, StoreError> {
        let mut loan = Loan::of(&self.pool).await?;
        let rows = in_time(query.fetch_all(&mut *loan)).await?;
        loan.end();
        Ok(rows)
    }

    /// All rows of a call of the way in, which is a whole transaction: durable after [`Database::when_durable`]. Where it
    /// fails, nothing was written; if as [`StoreError::Unavailable`], all may have been.
    pub(crate) async fn take_in(&self, query: Query<'_>) -> Result<Vec<AnyRow>, StoreError> {
        let mut loan = self.lane.lend().await?;
        let answer = in_time(query.fetch_all(&mut *loan)).await;
        match (&answer, self.dialect) {
            // What is there already is no fault of the connection.
            (Ok(_), _) | (Err(StoreError::Conflict), Dialect::Postgres) => loan.end(),
            (Err(StoreError::Conflict), Dialect::Sqlite) => loan.roll_back().await?,
            (Err(_), _) => {}
        }
        answer
    }

    /// Has `then` called when all that was taken in by now is durable.
    pub(crate) async fn when_durable(&self, then: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        match &self.log {
            Some(log) => log.committed(then).await,
            None => then(Ok(())),
        }
    }

    /// The row of a read, if there is one.
    pub(crate) async fn optional(&self, query: Query<'_>) -> Result<Option<AnyRow>, StoreError> {
        Ok(self.all(query).await?.pop())
    }

    /// Waits for running operations and closes the connections. Every later operation fails.
    pub(crate) async fn close(&self) {
        // Who writes goes first: without the others, SQLite's log must stay open until nothing is written any more.
        self.lane.close().await;
        if let Some(log) = &self.log {
            log.checkpoints.close();
        }
        self.pool.close().await;
    }
}

/// An open write. All its changes have one time: `now`.
pub(crate) struct Write {
    loan: Loan,
    log: Option<Log>,
    pub(crate) dialect: Dialect,
    pub(crate) now: i64,
}

impl Write {
    /// Makes a change; answers how many rows it touched.
    pub(crate) async fn run(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        Ok(in_time(query.execute(&mut *self.loan)).await?.rows_affected())
    }

    /// All rows that a statement answers.
    pub(crate) async fn all(&mut self, query: Query<'_>) -> Result<Vec<AnyRow>, StoreError> {
        in_time(query.fetch_all(&mut *self.loan)).await
    }

    /// The row that a statement answers, if there is one.
    pub(crate) async fn optional(&mut self, query: Query<'_>) -> Result<Option<AnyRow>, StoreError> {
        Ok(self.all(query).await?.pop())
    }

    /// The row that a statement answers. [`StoreError::NotFound`] without one.
    pub(crate) async fn one(&mut self, query: Query<'_>) -> Result<AnyRow, StoreError> {
        self.optional(query).await?.ok_or(StoreError::NotFound)
    }

    /// Makes the write durable. If this fails as [`StoreError::Unavailable`], it may have been made all the same.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        in_time(sqlx::query("COMMIT").execute(&mut *self.loan)).await?;
        // The next one may write while this one waits for the disk.
        let Self { loan, log, .. } = self;
        loan.end();
        let Some(log) = log else { return Ok(()) };
        let (sender, durable) = oneshot::channel();
        // Who waits may give up.
        let tell = |safe| drop(sender.send(safe));
        in_time(async {
            log.committed(tell).await;
            durable.await.unwrap_or_else(|_| Err(StoreError::unavailable("the store was closed")))
        })
        .await
    }

    /// Undoes the write and keeps the connection.
    pub(crate) async fn undo(self) -> Result<(), StoreError> {
        self.loan.roll_back().await
    }
}

impl Log {
    /// Starts what sees to the log of a connection's file.
    async fn start(mut connection: AnyConnection) -> Result<Self, StoreError> {
        let main = sqlx::raw_sql("PRAGMA database_list").fetch_one(&mut connection).await?;
        let log = format!("{}-wal", main.try_get::<String, _>("file")?);
        let sync = LogSync::start(Path::new(&log)).map_err(|error| StoreError::unavailable(&format!("{log}: {error}")))?;
        Ok(Self { checkpoints: Checkpoints::start(connection).await?, sync })
    }

    /// Something was committed: it is made durable, then `then` is called, and it is copied at leisure.
    async fn committed(&self, then: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.sync.after(then).await;
        self.checkpoints.written();
    }
}

/// Makes the file and its tables. Others may be doing so at this moment: not every step of SQLite waits for them.
async fn prepare_file(url: &str) -> Result<(), StoreError> {
    let deadline = tokio::time::Instant::now() + START;
    loop {
        match migrate_file(url).await {
            Err(StoreError::Unavailable(_)) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
}

async fn migrate_file(url: &str) -> Result<(), StoreError> {
    let mut first = AnyConnection::connect(url).await?;
    configure(Dialect::Sqlite, &mut first).await?;
    let mut write = first.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::migrate!().run_direct(None, &mut *write, false).await?;
    write.commit().await?;
    Ok(first.close().await?)
}

/// The answer of the database, if it comes in time.
pub(crate) async fn in_time<T, E: Into<StoreError>>(answer: impl Future<Output = Result<T, E>>) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(StoreError::unavailable("no answer in time")),
    }
}
