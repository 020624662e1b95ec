//! The queue in an SQLite file: for one process.

use std::{path::Path, sync::Arc, time::Duration};

use apalis::{layers::WorkerBuilderExt, prelude::*};
use apalis_sqlite::{Config, SqliteStorage};
use contract::Job;
use futures_util::{future::BoxFuture, stream};
use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::warn;

use super::{JobKind, worker::Crew};
use crate::BusError;

/// A worker that was not heard of for twice as long is dead, and its jobs are handed out again.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long sending may take.
const SEND: Duration = Duration::from_secs(3);
/// How long a finished job is kept, in seconds, and how often the old ones are removed.
const KEPT_SECONDS: i64 = 3600;
const PRUNE: Duration = Duration::from_mins(10);

/// How often an idle worker looks for jobs that nobody told it of: those of a worker that failed.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub(super) struct SqliteQueue {
    pool: SqlitePool,
    /// Wakes the worker of a kind. All who send are in this process.
    sent: [Arc<Notify>; JobKind::ALL.len()],
}

impl SqliteQueue {
    pub(super) async fn open(path: &Path) -> Result<Self, BusError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(3))
            .journal_mode(SqliteJournalMode::Wal)
            // A power cut may lose the newest jobs, which are then sent again; it cannot damage the file.
            .synchronous(SqliteSynchronous::Normal)
            // The idle polling would fill the log.
            .disable_statement_logging();
        // One connection: who waits, waits here and not in the file's lock.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(BusError::unavailable)?;
        SqliteStorage::migrations().run(&pool).await.map_err(BusError::unavailable)?;
        let queue = Self { pool, sent: Default::default() };
        queue.prune().await?;
        Ok(queue)
    }

    pub(super) async fn send_all(&self, kind: JobKind, jobs: Vec<Job>) -> Result<(), BusError> {
        // One transaction, which is undone whole if this is dropped.
        timeout(SEND, self.storage(kind).push_bulk(jobs))
            .await
            .map_err(BusError::unavailable)?
            .map_err(BusError::unavailable)?;
        self.sent[kind as usize].notify_one();
        Ok(())
    }

    pub(super) async fn waiting(&self, kind: JobKind) -> Result<u64, BusError> {
        let waiting: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM Jobs WHERE job_type = ?1 AND status = 'Pending'")
            .bind(name(kind))
            .fetch_one(&self.pool)
            .await
            .map_err(BusError::unavailable)?;
        Ok(waiting.unsigned_abs())
    }

    pub(super) async fn check(&self) -> Result<(), BusError> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop).map_err(BusError::unavailable)
    }

    /// Runs one worker until it is cancelled or fails.
    pub(super) async fn work_once<H>(&self, kind: JobKind, name: &str, crew: &Crew<H>) -> Result<(), WorkerError>
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        let (handlers, watcher) = (crew.clone(), crew.clone());
        let worker = WorkerBuilder::new(name)
            .backend(self.storage(kind).poll_with_strategy(self.when(kind)))
            .concurrency(crew.concurrency)
            .build(move |job: Job| handlers.clone().handle(job))
            .run_with_ctx(move |worker| watcher.clone().watch(worker));
        tokio::select! {
            ended = worker => ended,
            () = self.prune_often() => Ok(()),
        }
    }

    /// When a worker looks for a job.
    fn when(&self, kind: JobKind) -> Strategy {
        let sent = Arc::clone(&self.sent[kind as usize]);
        let told = stream::unfold(sent, |sent| async move {
            sent.notified().await;
            Some(((), sent))
        });
        Strategy::new().stream(Box::pin(told)).interval(LOOK)
    }

    fn storage(&self, kind: JobKind) -> SqliteStorage<Job> {
        // One at a time: a batch would be held by one worker while others idle, and outlive its heartbeats.
        let config = Config::default().queue(name(kind)).batch_size(1).heartbeat_interval(HEARTBEAT);
        SqliteStorage::new(&self.pool).with_config(config)
    }

    /// Removes old jobs for as long as it is polled.
    async fn prune_often(&self) {
        let mut ticks = interval(PRUNE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.prune().await {
                warn!(error = %error, "old jobs could not be removed");
            }
        }
    }

    async fn prune(&self) -> Result<(), BusError> {
        for sql in [
            "DELETE FROM Jobs WHERE status IN ('Done', 'Failed', 'Killed') AND done_at <= unixepoch() - ?1",
            "DELETE FROM Workers WHERE last_seen <= unixepoch() - ?1 AND id NOT IN (SELECT lock_by FROM Jobs WHERE lock_by IS NOT NULL)",
        ] {
            sqlx::query(sql).bind(KEPT_SECONDS).execute(&self.pool).await.map_err(BusError::unavailable)?;
        }
        Ok(())
    }
}

/// A queue's name.
fn name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Pipelines => "pipelines",
        JobKind::Tasks => "tasks",
        JobKind::Batches => "batches",
    }
}
