//! Drives one pipeline from its last checkpoint to its end.

use std::{sync::Arc, time::Duration};

use contract::{Phase, PhaseStatus, PipelineId, PipelineStatus};
use store::StoreError;
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

/// A pipeline that has lost more workers than this is given up: it may be what kills them.
const MAX_TAKEOVERS: u32 = 10;

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

/// Carries a pipeline as far as it goes. Every outcome is recorded in the store; nothing is returned, because the queue
/// has nothing left to decide.
pub(crate) async fn pipeline(worker: &Worker, id: PipelineId, shutdown: &CancellationToken) {
    let span = tracing::info_span!("pipeline", pipeline.id = %id);
    if let Err(error) = take(worker, id, shutdown).instrument(span).await {
        // The row is untouched or still leased: the sweep sends the job again.
        tracing::error!(pipeline.id = %id, %error, "the pipeline could not be carried on");
    }
}

async fn take(worker: &Worker, id: PipelineId, shutdown: &CancellationToken) -> Result<(), StoreError> {
    if shutdown.is_cancelled() {
        return Ok(());
    }
    let Some(lease) = worker.store.take_lease(id, &worker.config.name, worker.config.lease).await? else {
        return Ok(());
    };
    let record = worker.store.pipeline(id).await?;
    let cancel = CancellationToken::new();
    let (log, writer, close) =
        PipelineLog::open(worker.store.clone(), worker.hub.clone(), lease.clone(), cancel.clone()).await?;
    let run = Arc::new(Run::new(worker.clone(), record, lease, log, cancel));

    // The heartbeat has its own task: a phase that keeps this one busy must not cost the lease. It ends with this one,
    // also when this one panics: a lease that nobody works under must run out.
    let _heart = AbortOnDropHandle::new(tokio::spawn({
        let (run, shutdown) = (run.clone(), shutdown.clone());
        async move { run.heartbeat(&shutdown).await }
    }));
    let end = if run.lease.takeovers > MAX_TAKEOVERS { Ok(poisoned(&run)) } else { phases_to_end(&run).await };
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
        Ok(()) => Ok(()),
        Err(StoreError::Fenced) if run.stopped() == Some(Stop::Shutdown) => Ok(()),
        Err(StoreError::Fenced) => {
            tracing::warn!("another worker has taken the pipeline over; this one's writes are refused");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The end of a pipeline that takes its workers down with it.
fn poisoned(run: &Run) -> End {
    let reason = format!("given up: {} workers were lost while they had this pipeline", run.lease.takeovers);
    run.log.error(reason.clone());
    End { status: PipelineStatus::Failed, deployed: false, reason: Some(reason) }
}

/// Runs the phases that are left. `Err` when the pipeline is not ours to end.
async fn phases_to_end(run: &Arc<Run>) -> Result<End, StoreError> {
    loop {
        let record = run.worker.store.pipeline(run.record.id).await?;
        let statuses: Vec<_> = record.phases.iter().map(|phase| (phase.name, phase.status)).collect();
        let Some(phase) = pipeline::next_phase(&statuses) else {
            return phases::deploy::end_from_checkpoint(run).await;
        };
        if phase == Phase::Execute
            && let Some(end) = phases::validate::end_if_untagged(run).await?
        {
            return Ok(end);
        }
        let span = tracing::info_span!("phase", phase = %phase);
        let outcome = one_phase(run, phase).instrument(span).await;
        let error = match outcome {
            Ok(Next::Continue(checkpoint)) => {
                let store = &run.worker.store;
                store.finish_phase(&run.lease, phase, PhaseStatus::Succeeded, None, Some(&checkpoint)).await?;
                continue;
            }
            Ok(Next::Finish(checkpoint, end)) => {
                let store = &run.worker.store;
                store.finish_phase(&run.lease, phase, PhaseStatus::Succeeded, None, Some(&checkpoint)).await?;
                return Ok(end);
            }
            Err(error) => error,
        };
        return match error {
            PhaseError::Again(earlier) => {
                run.log.say(format!("what the {earlier} phase left is no longer on this machine: it runs again"));
                run.worker.store.finish_phase(&run.lease, earlier, PhaseStatus::Pending, None, None).await?;
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
        }
    }
}

async fn run_phase(run: &Arc<Run>, phase: Phase) -> Result<Next, PhaseError> {
    let attempt = run.worker.store.start_phase(&run.lease, phase).await?;
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
        run.log.say("mlsys is stopping; the pipeline goes on from its last checkpoint when it is back");
        run.log.flush(LOG_PATIENCE).await;
        run.worker.store.release_lease(&run.lease).await?;
    }
    Err(StoreError::Fenced)
}

async fn end_badly(run: &Run, phase: Phase, status: PipelineStatus, reason: &str) -> Result<End, StoreError> {
    tracing::info!(%phase, %status, reason, "the pipeline ended early");
    run.log.error(format!("{phase}: {reason}"));
    run.worker.store.finish_phase(&run.lease, phase, PhaseStatus::Failed, Some(reason), None).await?;
    let deployed = phases::deploy::is_deployed(run).await?;
    Ok(End { status, deployed, reason: Some(reason.to_owned()) })
}

/// Ends the MLflow run in the pipeline's true state, then the pipeline itself, then its folder.
async fn finish(run: &Run, end: End) -> Result<(), StoreError> {
    let End { status, deployed, reason } = end;
    phases::execute::end_run(run, status).await;
    run.worker.store.finish_pipeline(&run.lease, status, deployed, reason.as_deref()).await?;
    run.worker.hub.end(run.record.id);
    tracing::info!(%status, deployed, reason, "the pipeline ended");
    if let Err(error) = tokio::fs::remove_dir_all(run.directory()).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the working folder could not be removed");
    }
    Ok(())
}
