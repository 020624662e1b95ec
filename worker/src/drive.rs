//! Drives one pipeline from its last checkpoint to its end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{Phase, PhaseStatus, PipelineRecord, PipelineStatus};
use service::telemetry;
use store::{Lease, StoreError};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::Instrument;

use crate::{
    Worker,
    error::PhaseError,
    log::PipelineLog,
    phases,
    run::{Run, Stop},
};

/// How long a pipeline's last lines may take to be stored.
const LOG_PATIENCE: Duration = Duration::from_secs(20);

/// A pipeline that loses more workers than this without ending another phase is given up: it may be what kills them.
pub(crate) const MAX_TAKEOVERS: u32 = 3;

/// How a pipeline ends.
#[derive(Debug)]
pub(crate) struct End {
    pub status: PipelineStatus,
    pub deployed: bool,
    pub reason: Option<String>,
}

/// What a phase that ended well leads to.
#[derive(Debug)]
pub(crate) enum Next {
    /// The next phase, with what this one leaves for the later ones.
    Continue(serde_json::Value),
    /// The pipeline's end.
    Finish(serde_json::Value, End),
}

/// How a pipeline ends that is not to be carried on: its status, and the reason.
pub(crate) type Fate = (PipelineStatus, String);

/// Carries a pipeline as far as it goes, or ends it as its fate is.
pub(crate) async fn pipeline(worker: &Worker, lease: Lease, shutdown: &CancellationToken, fate: Option<Fate>) {
    let id = lease.pipeline_id;
    let span = tracing::info_span!("pipeline", pipeline.id = %id, trace_id = tracing::field::Empty);
    match worker.store.pipelines.pipeline_traceparent(id).await {
        Ok(Some(parent)) => telemetry::continue_trace(&span, &parent),
        Ok(None) => {}
        Err(error) => tracing::debug!(pipeline.id = %id, %error, "the pipeline's trace is not known"),
    }
    if let Err(error) = carry(worker, lease, shutdown, fate).instrument(span).await {
        // The row is still leased: another worker goes on when the lease is over.
        tracing::error!(pipeline.id = %id, %error, "the pipeline could not be carried on");
    }
}

async fn carry(worker: &Worker, lease: Lease, shutdown: &CancellationToken, fate: Option<Fate>) -> Result<(), StoreError> {
    let record = worker.store.pipelines.pipeline(lease.pipeline_id).await?;
    if record.started_at.is_none() {
        let waited = jiff::Timestamp::now().duration_since(record.created_at);
        telemetry::metrics::pipeline_waited(waited.try_into().unwrap_or_default());
    }
    let cancel = CancellationToken::new();
    let (log, writer, close) =
        PipelineLog::open(worker.store.clone(), worker.hub.clone(), lease.clone(), cancel.clone()).await?;
    let run = Arc::new(Run::new(worker.clone(), (record, lease), log, (cancel, shutdown.clone())));

    // The heartbeat has its own task: a phase that keeps this one busy must not cost the lease. It ends with this one,
    // also when this one panics: a lease that nobody works under must run out.
    let _heart = AbortOnDropHandle::new(tokio::spawn({
        let run = run.clone();
        async move { run.heartbeat().await }
    }));
    let end = match fate {
        Some(fate) => end_now(&run, fate).await,
        None if run.lease.takeovers > MAX_TAKEOVERS => Ok(poisoned(&run)),
        None => {
            if run.lease.takeovers > 0 {
                run.log.say(format!("{} goes on with this pipeline: the worker that had it was lost", worker.config.name));
            }
            phases_to_end(&run).await
        }
    };
    if end.is_ok() {
        run.log.flush(LOG_PATIENCE).await;
    }
    close.cancel();
    if tokio::time::timeout(LOG_PATIENCE, writer).await.is_err() {
        tracing::error!("the log's last lines could not be stored in time");
    }
    let finished = match end {
        Ok(end) => finish(&run, end).await,
        Err(error) => Err(error),
    };
    match finished {
        Err(StoreError::Fenced) if matches!(run.stopped(), Some(Stop::Shutdown | Stop::HandedOver)) => Ok(()),
        Err(StoreError::Fenced) => {
            telemetry::metrics::lease_lost();
            tracing::warn!("another worker has taken the pipeline over; this one's writes are refused");
            run.remove_folder().await;
            Ok(())
        }
        other => other,
    }
}

/// The end of a pipeline that takes its workers down with it.
fn poisoned(run: &Run) -> End {
    let lost = run.lease.takeovers;
    let reason = format!("given up: {lost} workers were lost in the same phase of this pipeline");
    run.log.error(reason.clone());
    End { status: PipelineStatus::Failed, deployed: false, reason: Some(reason) }
}

/// The phase that a pipeline is in; none when all have ended.
pub(crate) fn next_phase(record: &PipelineRecord) -> Option<Phase> {
    let statuses: Vec<_> = record.phases.iter().map(|phase| (phase.name, phase.status)).collect();
    pipeline::next_phase(&statuses)
}

/// Ends the pipeline in the phase where it is.
async fn end_now(run: &Run, (status, reason): Fate) -> Result<End, StoreError> {
    let store = &run.worker.store;
    let record = run.durably(|| store.pipelines.pipeline(run.record.id)).await?;
    let phase = next_phase(&record).unwrap_or(Phase::Deploy);
    run.log.enter(phase);
    end_badly(run, phase, status, &reason).await
}

/// Runs the phases that are left. `Err` when the pipeline is not ours to end.
async fn phases_to_end(run: &Arc<Run>) -> Result<End, StoreError> {
    loop {
        if run.shutdown.is_cancelled() {
            run.stop(Stop::Shutdown);
            return abandon(run).await;
        }
        let store = &run.worker.store;
        let record = run.durably(|| store.pipelines.pipeline(run.record.id)).await?;
        let Some(phase) = next_phase(&record) else {
            return phases::deploy::end_from_checkpoint(run).await;
        };
        if !run.worker.runs(phase) {
            return hand_over(run).await;
        }
        if phase == Phase::Execute
            && let Some(end) = phases::validate::end_if_untagged(run).await?
        {
            return Ok(end);
        }
        let span = tracing::info_span!("phase", phase = %phase);
        let started = Instant::now();
        let outcome = one_phase(run, phase).instrument(span).await;
        telemetry::metrics::phase(phase.as_str(), started.elapsed());
        let error = match outcome {
            Ok(Next::Continue(checkpoint)) => {
                run.end_phase(phase, PhaseStatus::Succeeded, None, Some(&checkpoint)).await?;
                continue;
            }
            Ok(Next::Finish(checkpoint, end)) => {
                run.end_phase(phase, PhaseStatus::Succeeded, None, Some(&checkpoint)).await?;
                return Ok(end);
            }
            Err(error) => error,
        };
        return match error {
            PhaseError::Again(earlier) => {
                run.log.say(format!("what the {earlier} phase left is no longer on this machine: it runs again"));
                run.end_phase(earlier, PhaseStatus::Pending, None, None).await?;
                continue;
            }
            PhaseError::Abandoned => abandon(run).await,
            PhaseError::Cancelled => end_badly(run, phase, PipelineStatus::Cancelled, "cancelled").await,
            PhaseError::Fail(reason) => end_badly(run, phase, PipelineStatus::Failed, &reason).await,
            PhaseError::Retry(error) => end_badly(run, phase, PipelineStatus::Failed, &format!("{error:#}")).await,
        };
    }
}

/// One phase, again and again while its error may heal and tries are left.
async fn one_phase(run: &Arc<Run>, phase: Phase) -> Result<Next, PhaseError> {
    run.log.enter(phase);
    let mut tries = 0;
    loop {
        let outcome = run_phase(run, phase).await;
        let Err(PhaseError::Retry(error)) = outcome else { return outcome };
        tries += 1;
        if tries >= pipeline::MAX_ATTEMPTS {
            return Err(PhaseError::Fail(format!("{error:#} (tried {tries} times)")));
        }
        let wait = pipeline::backoff(tries);
        tracing::warn!(error = format!("{error:#}"), wait_seconds = wait.as_secs_f64(), "the phase will be tried again");
        run.log.say(format!("{error:#}; trying again in {:.0} s", wait.as_secs_f64().max(1.0)));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = run.cancel.cancelled() => return Err(run.stop_error()),
            () = run.shutdown.cancelled() => {
                run.stop(Stop::Shutdown);
                return Err(run.stop_error());
            }
        }
    }
}

async fn run_phase(run: &Arc<Run>, phase: Phase) -> Result<Next, PhaseError> {
    let store = &run.worker.store;
    let attempt = run.durably(|| store.pipelines.start_phase(&run.lease, phase)).await?;
    match phase {
        Phase::Download => unless_stopped(run, phases::download::run(run)).await,
        Phase::Validate => unless_stopped(run, phases::validate::run(run)).await,
        // A kernel is stopped in its own way, with its cell named.
        Phase::Execute => phases::execute::run(run, attempt).await,
        Phase::Register => unless_stopped(run, phases::register::run(run)).await,
        // A deploy that has begun is carried through: half of it would serve one model and record another.
        Phase::Deploy => phases::deploy::run(run).await,
    }
}

async fn unless_stopped(run: &Run, work: impl Future<Output = Result<Next, PhaseError>>) -> Result<Next, PhaseError> {
    tokio::select! {
        outcome = work => outcome,
        () = run.cancel.cancelled() => Err(run.stop_error()),
    }
}

/// The pipeline is another's, or will be: say so where it can be said, and let go.
async fn abandon(run: &Run) -> Result<End, StoreError> {
    if run.stopped() == Some(Stop::Shutdown) {
        run.log
            .say("this worker is stopping; the pipeline goes on from its last checkpoint elsewhere, or when mlsys is back");
        run.log.flush(LOG_PATIENCE).await;
        run.worker.store.pipelines.release_lease(&run.lease).await?;
    }
    Err(StoreError::Fenced)
}

/// Leaves the next phase to the process that runs it. The worker that made this pod takes the lease as it is, so that nobody
/// comes between; what a worker leaves to a pod waits for its turn.
async fn hand_over(run: &Run) -> Result<End, StoreError> {
    run.stop(Stop::HandedOver);
    run.log.flush(LOG_PATIENCE).await;
    if !run.worker.config.in_pod {
        run.worker.store.pipelines.release_lease(&run.lease).await?;
    }
    Err(StoreError::Fenced)
}

async fn end_badly(run: &Run, phase: Phase, status: PipelineStatus, reason: &str) -> Result<End, StoreError> {
    tracing::info!(%phase, %status, reason, "the pipeline ended early");
    run.log.error(format!("{phase}: {reason}"));
    run.end_phase(phase, PhaseStatus::Failed, Some(reason), None).await?;
    let deployed = run.durably(|| phases::deploy::is_deployed(run)).await?;
    Ok(End { status, deployed, reason: Some(reason.to_owned()) })
}

/// Ends the MLflow run in the pipeline's true state, then the pipeline itself, then what it kept for later phases.
async fn finish(run: &Run, end: End) -> Result<(), StoreError> {
    let End { status, deployed, reason } = end;
    phases::execute::end_run(run, status).await;
    let store = &run.worker.store;
    run.durably(|| store.pipelines.finish_pipeline(&run.lease, status, deployed, reason.as_deref())).await?;
    run.worker.hub.end(run.record.id);
    telemetry::metrics::pipeline_ended(status.as_str());
    tracing::info!(%status, deployed, reason, "the pipeline ended");
    run.remove_folder().await;
    // A failed pipeline may be retried from the phase that failed, and then needs what the earlier ones left.
    if status == PipelineStatus::Succeeded
        && let Err(error) = run.worker.artifacts.remove_packages(run.record.id).await
    {
        tracing::warn!(%error, "the pipeline's package could not be removed");
    }
    Ok(())
}
