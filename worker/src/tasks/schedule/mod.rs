//! Looks after a schedule: notes which of its moments came, begins what they are for, one after the other, and notes how that ended.
//!
//! Whoever looks has the lease of the schedule's task, so one worker does, and what it notes is fenced. Each look goes by what the store
//! says; whatever it began before it died, the next one finds by the firing's own name.

mod begin;

use std::time::Duration;

use contract::{BatchStatus, FiringCause, FiringStatus, Misfire, Overlap, PipelineStatus, ScheduleId};
use jiff::Timestamp;
use pipeline::schedule::{Cron, due};
use serde_json::json;
use store::{Fired, Firing, Schedule, StoreError, TaskLease};

use super::{Next, Progress, TaskError};
use crate::Worker;

/// How long after one look the next comes while something goes on, at least and at most; in between, a part of how long that has taken.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
const PART: u32 = 20;
/// How long a schedule that nothing is due of is left alone at most.
const REST: Duration = Duration::from_hours(24);
/// How many of a schedule's firings may wait.
const MOST_WAITING: usize = 2_000;
/// After how long what can't be begun is tried again, and for how long.
const RETRY: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_hours(1);
/// How many firings that ended long ago are forgotten at a time.
const AT_ONCE: u32 = 500;

pub(super) async fn run(worker: &Worker, lease: &TaskLease, id: ScheduleId, progress: &Progress) -> Result<Next, TaskError> {
    match look_after(worker, lease, id, progress).await {
        // Sooner than another task would be tried again: its next firing may be near.
        Err(TaskError::Retry(error)) => {
            tracing::warn!(schedule.id = %id, error = format!("{error:#}"), "a schedule can't be looked after yet");
            Ok(Next::Again(RETRY))
        }
        done => done,
    }
}

async fn look_after(worker: &Worker, lease: &TaskLease, id: ScheduleId, progress: &Progress) -> Result<Next, TaskError> {
    let schedules = &worker.store.schedules;
    let Some(schedule) = schedules.get(id).await? else { return Ok(Next::Done(json!({}))) };
    let now = schedules.now().await?;
    let next = match schedule.next {
        Some(expected) if expected <= now => fire(worker, lease, &schedule, (expected, now)).await?,
        next => next,
    };
    let mut open = schedules.open(id).await?;
    if schedule.overlap == Overlap::Replace {
        replace(worker, lease, &mut open).await?;
    }
    let wait = next.map_or(REST, |next| until(now, next)).min(REST);
    if let Some(running) = open.iter().find(|firing| firing.status == FiringStatus::Running) {
        let ended = match (running.batch, running.pipeline) {
            (None, None) => begin::here(worker, (&schedule, running, now), progress).await?,
            _ => look(worker, running).await?,
        };
        let Some((status, reason)) = ended else { return Ok(Next::Again(wait.min(pace(running, now)))) };
        schedules.end(lease, running.id, status, reason.as_deref()).await?;
    }
    // While it is paused, what came before waits; what somebody asks for does not.
    let may_begin = |firing: &&Firing| schedule.next.is_some() || firing.cause != FiringCause::Cron;
    let waiting = open.iter().filter(|firing| firing.status == FiringStatus::Waiting).find(may_begin);
    let Some(waiting) = waiting else { return Ok(Next::Again(wait)) };
    let soon = begin::begin(worker, lease, (&schedule, waiting, now)).await?;
    Ok(Next::Again(wait.min(soon)))
}

/// Notes what came since the last look, and when the next one comes.
async fn fire(
    worker: &Worker,
    lease: &TaskLease,
    schedule: &Schedule,
    (expected, now): (Timestamp, Timestamp),
) -> Result<Option<Timestamp>, TaskError> {
    let cron = match Cron::parse(&schedule.cron, &schedule.time_zone) {
        Ok(cron) => cron,
        // It was read when it was made; by an earlier program.
        Err(error) => {
            tracing::error!(schedule.name, %error, "a schedule can't fire");
            return Ok(None);
        }
    };
    let misfire = schedule.misfire;
    // It may go through a year's moments.
    let due = tokio::task::spawn_blocking(move || due(&cron, expected, now, misfire));
    let due = due.await.map_err(|error| TaskError::Retry(error.into()))?;
    let open = worker.store.schedules.open(schedule.id).await?;
    let mut fired: Vec<_> = due.left_out.iter().map(|moment| left_out(*moment, why_late(misfire).to_owned())).collect();
    if let Some(oldest) = fired.first_mut().filter(|_| due.untold > 0) {
        let more = format!("{}; so are {} before it", why_late(misfire), due.untold);
        oldest.left_out = Some(more);
    }
    // What is asked for the past gives way to what is in time; it does not hold it up.
    let ahead: Vec<_> = open.iter().filter(|firing| firing.cause != FiringCause::Backfill).collect();
    let room = MOST_WAITING.saturating_sub(ahead.len());
    for (number, moment) in due.made_up.iter().chain(&due.now).enumerate() {
        let in_time = due.now == Some(*moment);
        fired.push(match ahead.first() {
            _ if number >= room => left_out(*moment, format!("{MOST_WAITING} wait already")),
            Some(before) if in_time && schedule.overlap == Overlap::Skip => {
                left_out(*moment, format!("the one for {} was not over yet", before.scheduled_for))
            }
            _ => Fired { moment: *moment, left_out: None },
        });
    }
    // Where somebody changed it meanwhile, that woke its task.
    worker.store.schedules.fire(lease, schedule.id, expected, &fired, due.next).await?;
    Ok(due.next)
}

fn left_out(moment: Timestamp, reason: String) -> Fired {
    Fired { moment, left_out: Some(reason) }
}

fn why_late(misfire: Misfire) -> &'static str {
    match misfire {
        Misfire::Once => "no worker was there at its time; a later one stands for it",
        Misfire::Skip | Misfire::All => "no worker was there at its time",
    }
}

/// Where a later one ends those before it: of those that wait, the last one stays, and what runs is asked to end for it.
async fn replace(worker: &Worker, lease: &TaskLease, open: &mut Vec<Firing>) -> Result<(), TaskError> {
    let replaceable = |firing: &&Firing| firing.cause != FiringCause::Backfill;
    let waiting = |firing: &&Firing| firing.status == FiringStatus::Waiting && firing.cause == FiringCause::Cron;
    let Some(newest) = open.iter().filter(waiting).max_by_key(|firing| firing.scheduled_for).cloned() else { return Ok(()) };
    for firing in open.iter().filter(replaceable).filter(|firing| firing.id != newest.id) {
        if firing.status == FiringStatus::Running {
            end(worker, firing).await?;
        } else if firing.scheduled_for < newest.scheduled_for {
            let reason = format!("the one for {} took its place", newest.scheduled_for);
            worker.store.schedules.end(lease, firing.id, FiringStatus::Cancelled, Some(&reason)).await?;
        }
    }
    *open = worker.store.schedules.open(newest.schedule).await?;
    Ok(())
}

/// Asks what a firing began to end.
async fn end(worker: &Worker, firing: &Firing) -> Result<(), StoreError> {
    let asked = match (firing.batch, firing.pipeline) {
        (Some(batch), _) => worker.store.batches.cancel(batch).await.map(drop),
        (_, Some(pipeline)) => worker.store.pipelines.request_cancel(pipeline).await.map(drop),
        (None, None) => Ok(()),
    };
    match asked {
        // It has ended by itself, or must come to its end.
        Err(StoreError::Conflict | StoreError::NotFound) => Ok(()),
        asked => asked,
    }
}

/// How what a firing began has ended; none: it goes on.
async fn look(worker: &Worker, firing: &Firing) -> Result<Option<(FiringStatus, Option<String>)>, TaskError> {
    let gone = || Some((FiringStatus::Failed, Some("what it began is not known any more".to_owned())));
    if let Some(id) = firing.batch {
        let Some(batch) = worker.store.batches.get(id).await? else { return Ok(gone()) };
        return Ok(match batch.status {
            BatchStatus::Queued | BatchStatus::Running | BatchStatus::Writing => None,
            BatchStatus::Succeeded => Some((FiringStatus::Succeeded, None)),
            BatchStatus::Failed => Some((FiringStatus::Failed, batch.error)),
            BatchStatus::Cancelled => Some((FiringStatus::Cancelled, None)),
        });
    }
    if let Some(id) = firing.pipeline {
        let pipeline = match worker.store.pipelines.pipeline(id).await {
            Err(StoreError::NotFound) => return Ok(gone()),
            found => found?,
        };
        return Ok(match pipeline.status {
            PipelineStatus::Queued | PipelineStatus::Running => None,
            PipelineStatus::Succeeded => Some((FiringStatus::Succeeded, pipeline.reason)),
            PipelineStatus::Failed | PipelineStatus::Skipped => Some((FiringStatus::Failed, pipeline.reason)),
            PipelineStatus::Cancelled => Some((FiringStatus::Cancelled, pipeline.reason)),
        });
    }
    Ok(gone())
}

/// When to look again after what runs.
fn pace(running: &Firing, now: Timestamp) -> Duration {
    let taken = until(running.started_at.unwrap_or(now), now);
    (taken / PART).clamp(LOOK.0, LOOK.1)
}

/// From one moment to another, if that comes later.
fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Forgets firings that ended long ago.
pub(super) async fn forget(worker: &Worker) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = worker.store.schedules.forget(AT_ONCE).await?;
        forgotten += some;
        if some < u64::from(AT_ONCE) {
            return Ok(forgotten);
        }
    }
}
