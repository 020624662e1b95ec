//! A pipeline whose notebook runs in a pod: its lease is handed to the pod, and this worker waits for the pod's end.
//!
//! Until the pod adopts the lease, this worker keeps it alive. A pod that works needs nobody: a worker that dies meanwhile
//! leaves it to run its phases, or to end the pipeline. What the pod leaves to do, and a pod that dies, leave the pipeline to
//! the worker that waits, or, when the lease is over, to any other.

use std::{sync::Arc, time::Duration};

use contract::{PipelineId, PipelineStatus};
use store::{Lease, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    Worker, drive,
    log::PipelineLog,
    runner::{KubernetesRunner, PipelineJob, PodEnd},
};

/// How often it is asked whether the pipeline was cancelled.
const ASK: Duration = Duration::from_secs(1);
/// The longest that a notebook may allow itself, by its contract.
const LONGEST_RUN: Duration = Duration::from_hours(24);
/// How often Jobs that nobody waits for are looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// Who holds a lease that a pod adopted: the pod of the Job that was made for this number.
pub(crate) fn owner(id: PipelineId, token: i64) -> String {
    format!("job-{id}-{token}")
}

/// Has a pipeline carried by pods, one after the other while they are lost, until it ended or is somebody else's.
pub(crate) async fn pipeline(worker: &Worker, pods: &KubernetesRunner, lease: Lease, shutdown: &CancellationToken) {
    let id = lease.pipeline_id;
    let mut lease = lease;
    for tries in 1.. {
        match left_to_workers(worker, id).await {
            Ok(true) => return drive::pipeline(worker, lease, shutdown, None).await,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(pipeline.id = %id, %error, "the pipeline could not be looked at");
                return;
            }
        }
        let end = tokio::select! {
            end = one_pod(worker, pods, &lease) => end,
            // The pod goes on by itself.
            () = shutdown.cancelled() => return,
        };
        let (fate, wait) = match end {
            Ok(PodEnd::Finished) => return go_on(worker, &lease, shutdown).await,
            Ok(PodEnd::Failed { reason }) => (Some((PipelineStatus::Failed, reason)), None),
            Ok(PodEnd::Cancelled) => (Some((PipelineStatus::Cancelled, "cancelled".to_owned())), None),
            Ok(PodEnd::Lost { reason }) => (None, Some((reason, pipeline::backoff(tries)))),
            Err(error) => {
                tracing::error!(pipeline.id = %id, %error, "the pod can't be watched");
                return;
            }
        };
        let taken = match reclaim(worker, &lease).await {
            Ok(Some(taken)) => taken,
            // It ended, was handed back, or another worker was faster.
            Ok(None) => return,
            Err(error) => {
                tracing::error!(pipeline.id = %id, %error, "the pod's pipeline could not be taken back");
                return;
            }
        };
        let Some((reason, wait)) = wait.filter(|_| taken.takeovers <= drive::MAX_TAKEOVERS) else {
            // Without a fate it has lost too many pods, and is given up.
            return drive::pipeline(worker, taken, shutdown, fate).await;
        };
        tracing::warn!(pipeline.id = %id, reason, "the pod was lost; another one is tried");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
        lease = taken;
    }
}

/// Whether a pipeline has come to what no pod runs.
async fn left_to_workers(worker: &Worker, id: PipelineId) -> Result<bool, StoreError> {
    let record = worker.store.pipelines.pipeline(id).await?;
    Ok(drive::next_phase(&record).is_some_and(|phase| worker.runs(phase)))
}

/// Goes on where a pod that ended well left off, unless the pipeline has ended or another worker was faster.
async fn go_on(worker: &Worker, lease: &Lease, shutdown: &CancellationToken) {
    let (id, ttl) = (lease.pipeline_id, worker.config.tuning.lease);
    let taken = match left_to_workers(worker, id).await {
        Ok(true) => worker.store.pipelines.adopt_lease(id, adopted(lease.token), &worker.config.name, ttl).await,
        Ok(false) => return,
        Err(error) => Err(error),
    };
    match taken {
        Ok(Some(taken)) => drive::pipeline(worker, taken, shutdown, None).await,
        Ok(None) => {}
        Err(error) => {
            // Another worker goes on when the lease is over.
            tracing::error!(pipeline.id = %id, %error, "the pod's pipeline could not be taken on");
        }
    }
}

/// The number that a lease gets when a pod adopts it.
fn adopted(token: i64) -> i64 {
    token + 1
}

/// The lease, from this worker's hand or from that of the pod that is gone.
async fn reclaim(worker: &Worker, lease: &Lease) -> Result<Option<Lease>, StoreError> {
    let (store, ttl) = (&worker.store, worker.config.tuning.lease);
    match store.pipelines.renew_lease(lease, ttl).await {
        Ok(_) => Ok(Some(lease.clone())),
        Err(StoreError::Fenced) => {
            let gone = owner(lease.pipeline_id, lease.token);
            store.pipelines.take_from(lease.pipeline_id, &gone, &worker.config.name, ttl).await
        }
        Err(error) => Err(error),
    }
}

/// One pod, from its making to its end.
async fn one_pod(worker: &Worker, pods: &KubernetesRunner, lease: &Lease) -> Result<PodEnd, StoreError> {
    let id = lease.pipeline_id;
    let record = worker.store.pipelines.pipeline(id).await?;
    let repo = worker.store.intake.repo_by_name(&record.repo).await?;
    let resources = repo.and_then(|repo| pods.resources(repo.cpu.as_deref(), repo.memory.as_deref()));
    // What the notebook allows itself is not known before it is validated, in the pod.
    let run_timeout = worker.config.tuning.run_timeout.max(LONGEST_RUN);
    let job = PipelineJob { pipeline: id, lease: lease.token, resources, run_timeout };
    if let Err(error) = worker.artifacts.make_packages(id).await {
        return Ok(PodEnd::Lost { reason: format!("the folder of its packages can't be made: {error}") });
    }
    let (cancel, ours) = (CancellationToken::new(), CancellationToken::new());
    let (log, writer, close) = PipelineLog::open(worker.store.clone(), worker.hub.clone(), lease.clone(), ours).await?;
    let _writer = AbortOnDropHandle::new(writer);
    let _heart = AbortOnDropHandle::new(tokio::spawn(keep(worker.clone(), lease.clone(), cancel.clone())));
    let say: Arc<dyn Fn(String) + Send + Sync> = Arc::new(move |text| log.say(text));
    let end = pods.run(&job, &*say, &cancel).await;
    close.cancel();
    Ok(end)
}

/// Keeps the lease until the pod has it, and cancels `cancel` when the pipeline is to be cancelled.
async fn keep(worker: Worker, lease: Lease, cancel: CancellationToken) {
    let mut ticks = interval(ASK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut held = true;
    loop {
        ticks.tick().await;
        let asked = if held {
            worker.store.pipelines.renew_lease(&lease, worker.config.tuning.lease).await.map(|state| state.cancel_requested)
        } else {
            worker.store.pipelines.cancel_requested(lease.pipeline_id).await
        };
        match asked {
            Ok(true) => return cancel.cancel(),
            Ok(false) => {}
            Err(StoreError::Fenced) => held = false,
            Err(error) => tracing::warn!(pipeline.id = %lease.pipeline_id, %error, "the store can't be asked yet"),
        }
    }
}

/// Deletes Jobs that nobody waits for, until dropped.
pub(crate) async fn sweep(worker: Worker, pods: KubernetesRunner) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let store = &worker.store;
        let swept = pods.sweep(|id, token| async move {
            match store.pipelines.lease_number(id).await {
                Ok(Some(current)) => current == token || current == adopted(token),
                Ok(None) | Err(StoreError::NotFound) => false,
                Err(_) => true,
            }
        });
        if let Err(error) = swept.await {
            tracing::warn!(%error, "old Jobs could not be looked for");
        }
    }
}
