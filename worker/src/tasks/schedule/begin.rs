//! Begins what a firing is for. What was begun is found by the firing's name, so it is begun once; what ended badly and is made up for is
//! begun anew.

use std::time::Duration;

use contract::{BatchStatus, FiringCause, FiringStatus, PipelineStatus, RegistryScan, Retraining, ScheduleKind};
use declared::{Data, Work, refusal};
use forge::ForgeError;
use jiff::Timestamp;
use store::{Accepted, Began, Created, Firing, NewDelivery, NewPipeline, Schedule, TaskLease};
use tables::{BatchRequest, Sources};

use super::{LOOK, PATIENCE, RETRY, until};
use crate::{
    Worker,
    tasks::{Progress, TaskError, retention},
};

/// How long the code host may take to say what a branch's newest commit is.
const ASK_HOST: Duration = Duration::from_secs(15);

/// Begins it, or notes why not. Answers when to look at its schedule again.
pub(super) async fn begin(
    worker: &Worker,
    lease: &TaskLease,
    (schedule, firing, now): (&Schedule, &Firing, Timestamp),
) -> Result<Duration, TaskError> {
    let schedules = &worker.store.schedules;
    let outcome = match schedule.kind {
        ScheduleKind::BatchPrediction => batch(worker, schedule, firing).await,
        ScheduleKind::Retraining => pipeline(worker, schedule, firing).await,
        ScheduleKind::Retention | ScheduleKind::RegistryScan => Ok(Began::Here),
    };
    match outcome {
        Ok(began) => {
            if !schedules.begin(lease, firing.id, began).await? {
                // Somebody ended it at the same moment.
                let (batch, pipeline) = match began {
                    Began::Batch(id) => (Some(id), None),
                    Began::Pipeline(id) => (None, Some(id)),
                    Began::Here => (None, None),
                };
                super::end(worker, &Firing { batch, pipeline, ..firing.clone() }).await?;
            }
            Ok(if began == Began::Here { Duration::ZERO } else { LOOK.0 })
        }
        Err(TaskError::Retry(error)) if until(firing.tried_at.unwrap_or(now), now) < PATIENCE => {
            let reason = format!("{error:#}");
            tracing::warn!(schedule.name, scheduled_for = %firing.scheduled_for, reason, "what a schedule asks for can't begin yet");
            schedules.note(lease, firing.id, &format!("not begun yet: {reason}")).await?;
            Ok(RETRY)
        }
        Err(error) => {
            let reason = error.to_string();
            tracing::warn!(schedule.name, scheduled_for = %firing.scheduled_for, reason, "what a schedule asks for can't be done");
            schedules.end(lease, firing.id, FiringStatus::Failed, Some(&reason)).await?;
            Ok(Duration::ZERO)
        }
    }
}

/// Does what the worker does itself: it may be begun again, and does no more then. Answers how that ended; none: it is to be tried again.
pub(super) async fn here(
    worker: &Worker,
    (schedule, firing, now): (&Schedule, &Firing, Timestamp),
    progress: &Progress,
) -> Result<Option<(FiringStatus, Option<String>)>, TaskError> {
    let done = match schedule.kind {
        ScheduleKind::RegistryScan => scan(worker, schedule).await.map(Some),
        _ => retention::run(worker, progress).await.map(|_| None),
    };
    Ok(match done {
        Ok(said) => Some((FiringStatus::Succeeded, said)),
        Err(TaskError::Retry(error)) if until(firing.started_at.unwrap_or(now), now) < PATIENCE => {
            tracing::warn!(schedule.name, error = format!("{error:#}"), "what a schedule asks for can't be done yet");
            None
        }
        Err(error) => Some((FiringStatus::Failed, Some(error.to_string()))),
    })
}

/// Looks through a bucket; what is to be said of it.
async fn scan(worker: &Worker, schedule: &Schedule) -> Result<String, TaskError> {
    let RegistryScan { environment } = kept(schedule)?;
    let sources = registry::Sources { store: &worker.store, artifacts: &worker.artifacts, warehouse: &worker.warehouse };
    let scan = registry::scan(sources, &environment, true).await.map_err(|error| {
        tracing::warn!(%error, "a bucket could not be scanned");
        // Addresses and what a store says are for the log.
        let short = error.in_short();
        if error.may_pass() { TaskError::Retry(anyhow::Error::msg(short)) } else { TaskError::Fail(short) }
    })?;
    let [found, added, changed, removed] = [scan.versions.len(), scan.added.len(), scan.changed.len(), scan.removed.len()];
    Ok(format!("{found} versions: {added} new, {changed} changed, {removed} gone"))
}

/// A table goes through a model.
async fn batch(worker: &Worker, schedule: &Schedule, firing: &Firing) -> Result<Began, TaskError> {
    let mut job = format!("schedule {} {}", schedule.id, firing.id);
    while let Some(before) = worker.store.batches.of_job(Some(&job)).await? {
        let ended_badly = matches!(before.status, BatchStatus::Failed | BatchStatus::Cancelled);
        if !ended_badly || firing.cause != FiringCause::Backfill {
            return Ok(Began::Batch(before.id));
        }
        if before.shards_done == before.shards {
            // Its rows may be in the output: only it can find out.
            worker.store.batches.resume(before.id).await?;
            return Ok(Began::Batch(before.id));
        }
        job = format!("schedule {} {} after {}", schedule.id, firing.id, before.id);
    }
    let request: BatchRequest = kept(schedule)?;
    check_allowed(worker, schedule, &request).await?;
    let sources = Sources { store: &worker.store, artifacts: &worker.artifacts, warehouse: &worker.warehouse };
    let plan = request.plan(sources, Some(firing.scheduled_for)).await?;
    let created = request.create(&worker.store, &plan, Some(&job), &by(schedule)).await?;
    let (Created::Now(batch) | Created::Before(batch)) = created;
    Ok(Began::Batch(batch.id))
}

/// A notebook runs.
async fn pipeline(worker: &Worker, schedule: &Schedule, firing: &Firing) -> Result<Began, TaskError> {
    let Retraining { repo, branch, notebook_path, mut parameters } = kept(schedule)?;
    let mut id = format!("schedule-{}", firing.id);
    while let Some(before) = worker.store.intake.delivered(&id).await?.first() {
        let status = worker.store.pipelines.pipeline(before.id).await?.status;
        let ended_badly = matches!(status, PipelineStatus::Failed | PipelineStatus::Cancelled);
        if !ended_badly || firing.cause != FiringCause::Backfill {
            return Ok(Began::Pipeline(before.id));
        }
        id = format!("schedule-{}-after-{}", firing.id, before.id);
    }
    if worker.store.intake.repo_by_name(&repo).await?.is_none() {
        return Err(TaskError::Fail(format!("{repo} is not registered any more")));
    }
    let head = worker.hosts.of(&repo).head(&repo, &branch, ASK_HOST).await.map_err(|error| match error {
        ForgeError::NotFound(_) | ForgeError::TooLarge(_) => TaskError::Fail(error.to_string()),
        error => TaskError::Retry(error.into()),
    })?;
    parameters.entry("scheduled_for".to_owned()).or_insert_with(|| firing.scheduled_for.to_string().into());
    let delivery = NewDelivery { delivery_id: &id, event: "schedule", repo: Some(&repo) };
    let new = NewPipeline {
        repo: repo.clone(),
        branch,
        commit_sha: head,
        notebook_path,
        parameters,
        delivery_id: None,
        traceparent: service::telemetry::current_traceparent(),
        // The same commit's notebook runs anew.
        manual: true,
    };
    let (Accepted::New(made) | Accepted::Repeated(made)) = worker.store.intake.accept_delivery(delivery, vec![new]).await?;
    let made = made.first().ok_or_else(|| TaskError::Fail("its pipeline is not known any more".to_owned()))?;
    Ok(Began::Pipeline(made.id))
}

/// Fails where a file declares it that may not any more: the model was handed over, or the tables are out of the repository's reach.
async fn check_allowed(worker: &Worker, schedule: &Schedule, request: &BatchRequest) -> Result<(), TaskError> {
    let Some(source) = &schedule.source else { return Ok(()) };
    let owner = worker.store.serving.owner(&request.model_name).await?;
    let data = Data::of(&worker.store, &source.repo).await?;
    match refusal(&source.repo, &data, owner.as_ref(), &Work::BatchPrediction(request.clone())) {
        Some((problem, _)) => Err(TaskError::Fail(format!("{} declares it, and may not: {problem}", source.path))),
        None => Ok(()),
    }
}

fn kept<T: serde::de::DeserializeOwned>(schedule: &Schedule) -> Result<T, TaskError> {
    let unreadable = |error| TaskError::Fail(format!("what is kept of it can't be read: {error}"));
    serde_json::from_value(schedule.work.clone()).map_err(unreadable)
}

/// Who is told to have asked for it.
fn by(schedule: &Schedule) -> String {
    format!("schedule {}", schedule.name)
}
