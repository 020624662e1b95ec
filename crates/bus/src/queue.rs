//! The job queue, in an SQLite file of its own.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use apalis::{layers::WorkerBuilderExt, prelude::*};
use apalis_sqlite::{Config, SqliteStorage};
use contract::Job;
use futures_util::future::BoxFuture;
use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

use crate::BusError;

/// How often an idle worker looks for a job.
const POLL: Duration = Duration::from_millis(50);
/// A worker that was not heard of for twice as long is dead, and its jobs are handed out again.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a worker that failed waits before it starts again: doubled from the first to the last.
const RESTART: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// How long a finished job is kept, in seconds, and how often the old ones are removed.
const KEPT_SECONDS: i64 = 3600;
const PRUNE: Duration = Duration::from_mins(10);

/// A queue of jobs. Clones share the file.
///
/// A job is handed to one worker, or again to another when the first died; sending it twice hands it out twice.
/// Who may work on what is not decided here but by the store's leases.
#[derive(Debug, Clone)]
pub struct Queue {
    pool: SqlitePool,
}

impl Queue {
    /// Opens the queue's file, and creates it where it is missing (its directory must exist).
    pub async fn open_sqlite(path: &Path) -> Result<Self, BusError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(10))
            .journal_mode(SqliteJournalMode::Wal)
            // A power cut may lose the newest jobs, which are then sent again; it cannot damage the file.
            .synchronous(SqliteSynchronous::Normal)
            // The idle polling would fill the log.
            .disable_statement_logging();
        // One connection: who waits, waits here and not in the file's lock.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(BusError::unavailable)?;
        SqliteStorage::migrations().run(&pool).await.map_err(BusError::unavailable)?;
        let queue = Self { pool };
        queue.prune().await?;
        Ok(queue)
    }

    /// Hands a job over. When this answers `Ok`, a worker will get it, after a restart too.
    pub async fn send(&self, job: Job) -> Result<(), BusError> {
        self.storage().push(job).await.map_err(BusError::unavailable)
    }

    /// Works on jobs, at most `concurrency` at a time, until cancelled; then takes no more and waits for the
    /// handlers that run. A handler that panics has done its job as far as the queue is concerned.
    pub async fn work<H>(
        &self,
        name: &str,
        concurrency: usize,
        cancel: CancellationToken,
        handler: H,
    ) -> Result<(), BusError>
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        let running = TaskTracker::new();
        let mut wait = RESTART.0;
        while !cancel.is_cancelled() {
            let name = unique(name);
            let worker = self.work_once(&name, concurrency, &cancel, running.clone(), handler.clone());
            tokio::select! {
                ended = worker => match ended {
                    Ok(()) => wait = RESTART.0,
                    Err(error) => {
                        warn!(error = %error, wait_ms = wait.as_millis(), "the queue's worker ended and starts again");
                        let _cancelled = cancel.run_until_cancelled(sleep(wait)).await;
                        wait = (wait * 2).min(RESTART.1);
                    }
                },
                () = self.prune_often() => {}
            }
        }
        running.close();
        running.wait().await;
        Ok(())
    }

    /// Runs one worker until it is cancelled or fails.
    async fn work_once<H>(
        &self,
        name: &str,
        concurrency: usize,
        cancel: &CancellationToken,
        running: TaskTracker,
        handler: H,
    ) -> Result<(), WorkerError>
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        // In a task of its own, a handler outlives a worker that fails, and its panic ends there.
        let start = move |job: Job| {
            let handler = handler.clone();
            let task = running.spawn(async move { handler(job).await });
            async move {
                if let Err(panic) = task.await {
                    error!(pipeline.id = %job.pipeline_id, error = %panic, "a job's handler panicked");
                }
            }
        };
        let cancelled = cancel.clone().cancelled_owned();
        WorkerBuilder::new(name)
            .backend(self.storage().poll_with_interval(POLL))
            .concurrency(concurrency)
            .build(start)
            .run_until(async move {
                cancelled.await;
                Ok::<(), WorkerError>(())
            })
            .await
    }

    fn storage(&self) -> SqliteStorage<Job> {
        // One at a time: a batch would be held by one worker while others idle, and outlive its heartbeats.
        let config = Config::default().queue("pipelines").batch_size(1).heartbeat_interval(HEARTBEAT);
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

/// A name that no worker had before: the queue refuses one whose last heartbeat is too recent.
fn unique(name: &str) -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{name}-{}-{now}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed))
}
