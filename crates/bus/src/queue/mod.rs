//! The job queue, in an SQLite file of its own or on Redis.
//!
//! Jobs of pipelines and of tasks do not wait for each other: thousands of pushes must not keep a task from running, nor a
//! long task a push.

mod redis;
mod sqlite;
mod worker;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use contract::Job;
use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::{redis::RedisQueue, sqlite::SqliteQueue, worker::Crew};
use crate::BusError;

/// How long `check` waits.
const CHECK: Duration = Duration::from_secs(2);

/// Which jobs somebody works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Those of pipelines.
    Pipelines,
    /// Those of tasks.
    Tasks,
    /// Those of tasks that score rows, or write them.
    Batches,
}

impl JobKind {
    const ALL: [Self; 3] = [Self::Pipelines, Self::Tasks, Self::Batches];

    fn of(job: &Job) -> Self {
        match job {
            Job::Pipeline(_) => Self::Pipelines,
            Job::Task(_) => Self::Tasks,
            Job::Batch(_) => Self::Batches,
        }
    }
}

/// A queue of jobs. Clones share it.
///
/// A job is handed to one worker, or again to another when the first died; sending it twice hands it out twice.
/// Who may work on what is not decided here but by the store's leases.
#[derive(Debug, Clone)]
pub struct Queue {
    on: On,
}

#[derive(Debug, Clone)]
enum On {
    Sqlite(SqliteQueue),
    Redis(RedisQueue),
}

impl Queue {
    /// Opens the queue at `sqlite:///path/of/the/file`, which is created where it is missing (its directory must exist), or
    /// at `redis://…` or `rediss://…`, which must answer.
    pub async fn open(url: &str) -> Result<Self, BusError> {
        let on = match url.split_once("://") {
            Some(("sqlite", path)) => On::Sqlite(SqliteQueue::open(Path::new(path)).await?),
            Some(("redis" | "rediss", _)) => On::Redis(RedisQueue::open(url).await?),
            _ => return Err(BusError::Url("it starts with sqlite://, redis:// or rediss://".to_owned())),
        };
        Ok(Self { on })
    }

    /// Hands jobs over, all or (when it fails) perhaps some of them. When this answers `Ok`, workers will get them, after a
    /// restart too. Fails within about 3 s.
    pub async fn send_all(&self, jobs: &[Job]) -> Result<(), BusError> {
        for kind in JobKind::ALL {
            let jobs: Vec<Job> = jobs.iter().copied().filter(|job| JobKind::of(job) == kind).collect();
            if jobs.is_empty() {
                continue;
            }
            match &self.on {
                On::Sqlite(queue) => queue.send_all(kind, jobs).await?,
                On::Redis(queue) => queue.send_all(kind, &jobs).await?,
            }
        }
        Ok(())
    }

    /// How many jobs of a kind are not yet with a worker.
    pub async fn waiting(&self, kind: JobKind) -> Result<u64, BusError> {
        match &self.on {
            On::Sqlite(queue) => queue.waiting(kind).await,
            On::Redis(queue) => queue.waiting(kind).await,
        }
    }

    /// Whether the queue answers; within 2 s.
    pub async fn check(&self) -> Result<(), BusError> {
        let answer = async {
            match &self.on {
                On::Sqlite(queue) => queue.check().await,
                On::Redis(queue) => queue.check().await,
            }
        };
        timeout(CHECK, answer).await.map_err(BusError::unavailable)?
    }

    /// Works on jobs of a kind, at most `concurrency` at a time, until cancelled; then takes no more and waits for the handlers that
    /// run. A queue that fails is tried again, for as long as it takes, while the running handlers go on. A handler that
    /// panics has done its job as far as the queue is concerned.
    pub async fn work<H>(
        &self,
        kind: JobKind,
        name: &str,
        concurrency: usize,
        cancel: CancellationToken,
        handler: H,
    ) -> Result<(), BusError>
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        let crew = Crew::new(concurrency, cancel, handler);
        let mut wait = worker::RESTART.0;
        while !crew.cancel.is_cancelled() {
            let (name, started) = (worker::unique(name), Instant::now());
            // In a task of its own, because a worker asks the queue whenever it is polled: two in one task would wake each
            // other without end.
            let (queue, own) = (self.on.clone(), crew.clone());
            let working = AbortOnDropHandle::new(tokio::spawn(async move {
                match queue {
                    On::Sqlite(queue) => queue.work_once(kind, &name, &own).await,
                    On::Redis(queue) => queue.work_once(kind, &name, &own).await,
                }
            }));
            let error = match working.await {
                Ok(ended) => ended.err().map(|error| error.to_string()),
                Err(panic) => Some(panic.to_string()),
            };
            wait = crew.pause(error.unwrap_or_default(), started.elapsed(), wait).await;
        }
        crew.finish().await;
        Ok(())
    }
}
