//! Batch predictions: a shard is scored, what all wrote becomes part of the output, and what ended long ago is forgotten.

mod models;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use contract::{BatchId, BatchShard, BatchStatus};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Batch, ShardDone, ShardEnd, StoreError, TaskLease};
use tables::{Shard, ShardFiles, Spec, Told};
use tokio_util::sync::CancellationToken;

pub(crate) use self::models::Models;
use super::{Next, Progress, TaskError};
use crate::Worker;

/// How often it is told how far a shard is, and looked whether it is still wanted.
const LOOK: Duration = Duration::from_secs(1);
/// How long a batch prediction is known after its end, and how many are forgotten at a time.
const KEPT: Duration = Duration::from_hours(30 * 24);
const AT_ONCE: u32 = 25;

impl From<tables::Error> for TaskError {
    fn from(error: tables::Error) -> Self {
        // Addresses and what a store says are for the log.
        let short = match &error {
            tables::Error::Warehouse(warehouse::Error::Objects(_)) => Some("the tables can't be read or written"),
            tables::Error::Artifacts(_) => Some("the model's files can't be read"),
            tables::Error::Store(_) => Some("the database can't be asked"),
            _ => None,
        };
        let said = if let Some(short) = short {
            tracing::warn!(%error, short);
            format!("{short}; the worker's log says why")
        } else {
            error.to_string()
        };
        if error.may_pass() { Self::Retry(anyhow::Error::msg(said)) } else { Self::Fail(said) }
    }
}

/// Scores a shard.
pub(super) async fn shard(
    worker: &Worker,
    lease: &TaskLease,
    shard: BatchShard,
    progress: &Progress,
) -> Result<Next, TaskError> {
    let over = Ok(Next::Done(json!({})));
    let Some(work) = worker.store.batches.begin_shard(shard).await? else { return over };
    let Some(batch) = worker.store.batches.get(shard.batch).await? else { return over };
    if work.done {
        return over;
    }
    let spec: Arc<Spec> = Arc::new(kept(batch.spec)?);
    let held = worker.models.get(worker, &spec).await?;
    // Twice as many as processors: while some are written, others are scored.
    let at_once = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let (told, stop) = (Arc::new(Told::default()), CancellationToken::new());
    let to_score = Shard {
        job: name(shard.batch),
        spec: Arc::clone(&spec),
        piece: kept(work.piece)?,
        manifest: Arc::clone(&held.manifest),
        model: Arc::clone(&held.model),
        at_once,
    };
    let mut scoring = std::pin::pin!(tables::score(&worker.warehouse, to_score, Arc::clone(&told), stop.clone()));
    let mut looks = tokio::time::interval(LOOK);
    let files = loop {
        tokio::select! {
            scored = &mut scoring => break scored?,
            _ = looks.tick() => {
                progress.send_replace(Some(json!({ "rows": told.rows() })));
                // A store that is unavailable says neither yes nor no.
                if worker.store.batches.is_on(shard.batch).await.is_ok_and(|is_on| !is_on) {
                    stop.cancel();
                    return over;
                }
            }
        }
    };
    let written = serde_json::to_value(&files).map_err(|error| TaskError::Fail(error.to_string()))?;
    let (scored, rejected) = (told.scored.load(Ordering::Relaxed), told.rejected.load(Ordering::Relaxed));
    let done = ShardDone { files: written, scored, rejected };
    match worker.store.batches.finish_shard(lease, shard, &done).await {
        Ok(ShardEnd::Kept) => {}
        Ok(ShardEnd::Last(commit)) => return Ok(Next::Then(json!({ "scored": scored, "rejected": rejected }), commit)),
        Ok(ShardEnd::ForNothing) | Err(StoreError::Fenced) => tables::remove(&worker.warehouse, &spec, &files).await?,
        // It may be noted; if not, it is written again.
        Err(error) => return Err(error.into()),
    }
    Ok(Next::Done(json!({ "scored": scored, "rejected": rejected })))
}

/// Makes what the shards wrote part of the output.
pub(super) async fn commit(worker: &Worker, id: BatchId) -> Result<Next, TaskError> {
    let batches = &worker.store.batches;
    let Some(batch) = batches.get(id).await?.filter(|batch| batch.status == BatchStatus::Writing) else {
        return Ok(Next::Done(json!({})));
    };
    let spec: Spec = kept(batch.spec)?;
    let shards = batches.files(id).await?.into_iter().map(kept).collect::<Result<Vec<ShardFiles>, _>>()?;
    let version = match tables::commit(&worker.warehouse, &spec, &name(id), shards).await {
        Ok(version) => version,
        Err(error @ tables::Error::Overtaken(_)) => {
            batches.refuse(id, &error.to_string()).await?;
            return Ok(Next::Done(json!({ "refused": error.to_string() })));
        }
        Err(error) => return Err(error.into()),
    };
    batches.succeed(id, version).await?;
    Ok(Next::Done(json!({ "version": version })))
}

/// What a batch prediction is called in its tables' logs.
fn name(id: BatchId) -> String {
    format!("mlsys-batch-{id}")
}

/// Forgets batch predictions that ended long ago, and what those wrote that no table has.
pub(super) async fn forget(worker: &Worker) -> Result<u64, StoreError> {
    let before = Timestamp::now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let mut forgotten = 0;
    loop {
        let ended = worker.store.batches.ended(before, AT_ONCE).await?;
        let last = ended.len() < AT_ONCE as usize;
        for batch in ended {
            if worker.store.batches.forget(batch.id).await? {
                forgotten += 1;
                if let Err(error) = discard(worker, &batch).await {
                    tracing::warn!(batch.id = %batch.id, ?error, "files of a batch prediction that ended badly are left");
                }
            }
        }
        if last {
            return Ok(forgotten);
        }
    }
}

/// Removes what a batch prediction wrote for nothing.
async fn discard(worker: &Worker, batch: &Batch) -> Result<(), TaskError> {
    if batch.status == BatchStatus::Succeeded {
        return Ok(());
    }
    let spec: Spec = kept(batch.spec.clone())?;
    Ok(tables::discard(&worker.warehouse, &spec, &name(batch.id)).await?)
}

/// Reads what was kept.
fn kept<T: DeserializeOwned>(value: Value) -> Result<T, TaskError> {
    serde_json::from_value(value).map_err(|error| TaskError::Fail(format!("what is kept of it can't be read: {error}")))
}
