//! Begins what a firing is for. What that is, is found by the firing's name, so it is begun once.

use std::time::Duration;

use contract::{FiringStatus, Retraining, ScheduleKind};
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
    progress: &Progress,
) -> Result<Duration, TaskError> {
    let schedules = &worker.store.schedules;
    let outcome = match schedule.kind {
        ScheduleKind::BatchPrediction => batch(worker, schedule, firing).await,
        ScheduleKind::Retraining => pipeline(worker, schedule, firing).await,
        ScheduleKind::Retention => Ok(Began::Here),
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
            } else if began == Began::Here {
                let failed = retention::run(worker, progress).await.err().map(|error| error.to_string());
                let status = if failed.is_none() { FiringStatus::Succeeded } else { FiringStatus::Failed };
                schedules.end(lease, firing.id, status, failed.as_deref()).await?;
            }
            Ok(LOOK.0)
        }
        Err(TaskError::Retry(error)) if until(firing.created_at, now) < PATIENCE => {
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

/// A table goes through a model.
async fn batch(worker: &Worker, schedule: &Schedule, firing: &Firing) -> Result<Began, TaskError> {
    let job = format!("schedule {} {}", schedule.id, firing.id);
    if let Some(before) = worker.store.batches.of_job(Some(&job)).await? {
        return Ok(Began::Batch(before.id));
    }
    let request: BatchRequest = kept(schedule)?;
    let sources = Sources { store: &worker.store, artifacts: &worker.artifacts, warehouse: &worker.warehouse };
    let plan = request.plan(sources, Some(firing.scheduled_for)).await?;
    let created = request.create(&worker.store, &plan, Some(&job), &by(schedule)).await?;
    let (Created::Now(batch) | Created::Before(batch)) = created;
    Ok(Began::Batch(batch.id))
}

/// A notebook runs.
async fn pipeline(worker: &Worker, schedule: &Schedule, firing: &Firing) -> Result<Began, TaskError> {
    let Retraining { repo, branch, notebook_path, mut parameters } = kept(schedule)?;
    if worker.store.intake.repo_by_name(&repo).await?.is_none() {
        return Err(TaskError::Fail(format!("{repo} is not registered any more")));
    }
    let head = worker.hosts.of(&repo).head(&repo, &branch, ASK_HOST).await.map_err(|error| match error {
        ForgeError::Unavailable(_) | ForgeError::RateLimited { .. } => TaskError::Retry(error.into()),
        error => TaskError::Fail(error.to_string()),
    })?;
    parameters.entry("scheduled_for".to_owned()).or_insert_with(|| firing.scheduled_for.to_string().into());
    let id = format!("schedule-{}", firing.id);
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

fn kept<T: serde::de::DeserializeOwned>(schedule: &Schedule) -> Result<T, TaskError> {
    let unreadable = |error| TaskError::Fail(format!("what is kept of it can't be read: {error}"));
    serde_json::from_value(schedule.work.clone()).map_err(unreadable)
}

/// Who is told to have asked for it.
fn by(schedule: &Schedule) -> String {
    format!("schedule {}", schedule.name)
}
