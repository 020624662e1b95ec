//! Tasks: background work that is no pipeline. One file a kind; a kind more is a variant of [`TaskPayload`], its name in
//! [`TaskPayload::KINDS`], and an arm of [`run`].
//!
//! A task in hand ends in one of these ways: it is done, or there will be more to do for it later; it failed, for good or to be tried again later; a person cancelled
//! it; this process stops, and gives it back; its lease was lost, and its handler is dropped. So a handler may end at any
//! `await`, and run again from its beginning: what it has done must not be done twice.

pub(crate) mod batch;
mod canary;
mod declared;
mod remove_files;
pub mod retention;
mod schedule;

use std::{
    fmt,
    time::{Duration, Instant},
};

use contract::{TaskId, TaskPayload};
use serde_json::Value;
use store::{StoreError, TaskLease};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument;

use crate::Worker;

/// How many tasks a worker has in hand at a time, beside its pipelines.
pub(crate) const CONCURRENCY: usize = 2;
/// How many shards of batch predictions: one uses all processors.
pub(crate) const BATCHES: usize = 1;
/// Tasks that run once in each period, whoever runs.
const PERIODIC: [(TaskPayload, Duration); 1] = [(TaskPayload::Retention, Duration::from_hours(1))];
/// How often it is made sure that they are planned.
const PLAN: Duration = Duration::from_mins(1);
/// How long a task waits after its first failure; after each other, twice as long as before, up to the last.
const RETRY: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(30));
/// How many leases may pass without a word from the store before a worker takes it that it is the one cut off.
const LEASES_WITHOUT_WORD: u32 = 4;

/// Why a handler did not come to its end.
#[derive(Debug)]
pub(crate) enum TaskError {
    /// It may heal: try again later.
    Retry(anyhow::Error),
    /// It will not heal.
    Fail(String),
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry(error) => write!(f, "{error:#}"),
            Self::Fail(error) => f.write_str(error),
        }
    }
}

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) | StoreError::Sealed(_) => Self::Fail(error.to_string()),
            other => Self::Retry(other.into()),
        }
    }
}

/// How a handler came to its end.
#[derive(Debug)]
pub(crate) enum Next {
    /// The task is done; this is kept as its outcome.
    Done(Value),
    /// The same, and this other task can be begun at once.
    Then(Value, TaskId),
    /// There will be more to do for it after a while.
    Again(Duration),
}

/// Where a handler says how far it is.
pub(crate) type Progress = watch::Sender<Option<Value>>;

/// Why a task in hand stops before its end.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Cancelled,
    Lost,
    Shutdown,
}

/// Does what the task asks for.
async fn run(worker: &Worker, lease: &TaskLease, progress: &Progress) -> Result<Next, TaskError> {
    match &lease.payload {
        TaskPayload::Retention => retention::run(worker, progress).await.map(Next::Done),
        TaskPayload::RemoveFiles(files) => remove_files::run(worker, files).await.map(Next::Done),
        TaskPayload::Canary(watch) => canary::run(worker, watch).await,
        TaskPayload::BatchShard(shard) => batch::shard(worker, lease, *shard, progress).await,
        TaskPayload::BatchCommit(id) => batch::commit(worker, *id).await,
        TaskPayload::Schedule(id) => schedule::run(worker, lease, *id, progress).await,
        TaskPayload::Declared(repo) => declared::run(worker, lease, repo).await.map(Next::Done),
    }
}

/// Works on a task, if it is there to be worked on, and on those that follow it at once. Every end is recorded in the store.
pub(crate) async fn work(worker: &Worker, id: TaskId, shutdown: &CancellationToken) {
    let mut following = Some(id);
    while let Some(id) = following {
        following = work_on(worker, id, shutdown).await;
    }
}

/// Answers which one follows.
async fn work_on(worker: &Worker, id: TaskId, shutdown: &CancellationToken) -> Option<TaskId> {
    let lease = match worker.store.tasks.lease(id, &worker.config.name, worker.config.tuning.lease).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return None,
        Err(error) => {
            // The dispatcher sends another job when the store is back.
            tracing::warn!(task.id = %id, %error, "a task could not be begun");
            return None;
        }
    };
    let span = tracing::info_span!("task", task.id = %id, task.kind = lease.payload.kind());
    match carry(worker, lease, shutdown).instrument(span).await {
        Ok(following) => following,
        Err(error) => {
            tracing::error!(task.id = %id, %error, "a task's end could not be recorded: it is begun again when its lease is over");
            None
        }
    }
}

async fn carry(worker: &Worker, lease: TaskLease, shutdown: &CancellationToken) -> Result<Option<TaskId>, StoreError> {
    let tasks = &worker.store.tasks;
    if lease.attempt > lease.max_attempts {
        tracing::error!(attempts = lease.max_attempts, "a task is given up: it may be what takes its workers down");
        tasks.fail(&lease, "given up: the worker of its last attempt was lost").await?;
        return Ok(None);
    }
    let started = Instant::now();
    let (progress, told) = watch::channel(None);
    // In a task of its own: a handler that keeps this one busy must not cost the lease.
    let mut heart = AbortOnDropHandle::new(tokio::spawn(heartbeat(worker.clone(), lease.clone(), told)));
    let ended = tokio::select! {
        ended = run(worker, &lease, &progress) => Ok(ended),
        stop = &mut heart => Err(stop.unwrap_or(Stop::Lost)),
        () = shutdown.cancelled() => Err(Stop::Shutdown),
    };
    drop(heart);
    service::telemetry::metrics::task(lease.payload.kind(), word(&ended), started.elapsed());
    match ended {
        Ok(Ok(Next::Then(outcome, following))) => {
            tasks.finish(&lease, &outcome).await?;
            return Ok(Some(following));
        }
        Ok(Ok(Next::Done(outcome))) => tasks.finish(&lease, &outcome).await,
        Ok(Ok(Next::Again(after))) => tasks.again(&lease, after).await,
        Ok(Err(TaskError::Fail(error))) => {
            tracing::error!(error, "a task failed");
            tasks.fail(&lease, &error).await
        }
        Ok(Err(TaskError::Retry(error))) if lease.attempt >= lease.max_attempts => {
            tracing::error!(error = format!("{error:#}"), attempts = lease.attempt, "a task failed too often");
            tasks.fail(&lease, &format!("{error:#}")).await
        }
        Ok(Err(TaskError::Retry(error))) => {
            let wait = (RETRY.0 * 2_u32.saturating_pow(lease.attempt.saturating_sub(1)).min(1024)).min(RETRY.1);
            tracing::warn!(error = format!("{error:#}"), wait_seconds = wait.as_secs(), "a task failed and is tried again");
            tasks.retry(&lease, &format!("{error:#}"), wait).await
        }
        Err(Stop::Cancelled) => tasks.cancelled(&lease).await,
        Err(Stop::Shutdown) => tasks.release(&lease).await,
        Err(Stop::Lost) => {
            service::telemetry::metrics::lease_lost();
            tracing::warn!("another worker has taken the task over");
            Ok(())
        }
    }
    .map(|()| None)
}

/// How an attempt ended, in one word.
fn word(ended: &Result<Result<Next, TaskError>, Stop>) -> &'static str {
    match ended {
        Ok(Ok(_)) => "succeeded",
        Ok(Err(TaskError::Fail(_))) => "failed",
        Ok(Err(TaskError::Retry(_))) => "retry",
        Err(Stop::Cancelled) => "cancelled",
        Err(Stop::Shutdown) => "released",
        Err(Stop::Lost) => "lost",
    }
}

/// Keeps the lease alive, tells the store how far the task is, and answers when it has to stop.
async fn heartbeat(worker: Worker, lease: TaskLease, told: watch::Receiver<Option<Value>>) -> Stop {
    let ttl = worker.config.tuning.lease;
    let mut ticks = interval((ttl / 3).min(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        ticks.tick().await;
        let progress = told.borrow().clone();
        match worker.store.tasks.renew(&lease, ttl, progress.as_ref()).await {
            Ok(state) if state.cancel_requested => return Stop::Cancelled,
            Ok(_) => heard = Instant::now(),
            Err(StoreError::Fenced) => return Stop::Lost,
            // A store that is unavailable is so for all: nobody else can take the task, so it goes on.
            Err(error) => {
                tracing::warn!(task.id = %lease.id, %error, "a task's lease could not be renewed yet");
                if heard.elapsed() > ttl * LEASES_WITHOUT_WORD {
                    return Stop::Lost;
                }
            }
        }
    }
}

/// Makes sure, for as long as it is polled, that periodic tasks are planned.
pub(crate) async fn plan(worker: Worker) {
    let mut ticks = interval(PLAN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        worker.models.release();
        for (payload, period) in PERIODIC {
            let key = payload.kind();
            if let Err(error) = worker.store.tasks.plan(payload, key, period).await {
                tracing::warn!(task.kind = key, %error, "a periodic task could not be planned yet");
            }
        }
        match worker.store.schedules.plan().await {
            Ok(0) => {}
            Ok(schedules) => tracing::info!(schedules, "schedules that nobody looked after are looked after again"),
            Err(error) => tracing::warn!(%error, "it could not be made sure that schedules are looked after"),
        }
    }
}
