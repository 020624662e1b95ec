//! One shard: read, scored, written.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use arrow_array::{RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use contract::ModelManifest;
use futures_util::TryStreamExt;
use scoring::Model;
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use warehouse::{DataFile, FileWriter, TableName, Warehouse, schema_of};

use crate::{
    Error, OnReject, Piece, Spec,
    answer::Answer,
    plan::{REASON, needed},
    rows::{self, Reject, Scored, Scorer},
};

/// A shard to be scored.
#[derive(Clone)]
pub struct Shard {
    /// What the job is called in its tables.
    pub job: String,
    /// What is to be done.
    pub spec: Arc<Spec>,
    /// What it reads.
    pub piece: Piece,
    /// What the model is.
    pub manifest: Arc<ModelManifest>,
    /// The model.
    pub model: Arc<Model>,
    /// How many batches are scored at the same time.
    pub at_once: usize,
}

/// What a shard wrote. It is part of no table until [`crate::commit`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFiles {
    /// Rows of the output.
    pub output: Option<DataFile>,
    /// Rows that can't be scored.
    pub rejects: Option<DataFile>,
}

/// How far a shard is.
#[derive(Debug, Default)]
pub struct Told {
    /// How many rows were scored.
    pub scored: AtomicU64,
    /// How many could not be.
    pub rejected: AtomicU64,
}

impl Told {
    /// How many rows were seen.
    pub fn rows(&self) -> u64 {
        self.scored.load(Ordering::Relaxed) + self.rejected.load(Ordering::Relaxed)
    }
}

/// Scores a shard, on a thread of its own: reading and writing columns is work. Dropped or told to stop, it leaves nothing that anybody
/// sees.
///
/// # Errors
/// When the rows can't be read, scored or written.
pub async fn score(
    warehouse: &Warehouse,
    shard: Shard,
    told: Arc<Told>,
    stop: CancellationToken,
) -> Result<ShardFiles, Error> {
    let (warehouse, stop) = (warehouse.clone(), stop.child_token());
    // A thread can't be dropped: it hears that its caller was.
    let _guard = stop.clone().drop_guard();
    let runtime = tokio::runtime::Handle::current();
    let scored = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                scored = score_here(&warehouse, shard, &told) => scored,
                () = stop.cancelled() => Err(Error::Stopped),
            }
        })
    });
    scored.await.map_err(|error| Error::Model(error.to_string()))?
}

async fn score_here(warehouse: &Warehouse, shard: Shard, told: &Told) -> Result<ShardFiles, Error> {
    let Shard { job, spec, piece, manifest, model, at_once } = shard;
    let kept = |text: &str| schema_of(text).map_err(Error::Kept);
    let columns = kept(&spec.columns)?;
    let reject_columns = spec.reject_columns.as_deref().map(kept).transpose()?;
    let snapshot = warehouse.snapshot(&spec.input, Some(spec.input_version)).await?;
    let scorer =
        Arc::new(Scorer { model, spec: Arc::clone(&spec), answer: Answer::of(&manifest), deaths: AtomicU32::new(0) });
    let columns_read = needed(&spec, &manifest, snapshot.schema());
    let batches = snapshot.read(piece.parts, &columns_read)?.map_ok(|batch| {
        let scoring = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&scorer).score(batch)));
        async move { scoring.await.map_err(|error| Error::Model(error.to_string()))? }
    });
    let mut batches = std::pin::pin!(batches.map_err(Error::from).try_buffered(at_once.max(1)));
    let mut files = Files { warehouse, job: &job, output: None, rejects: None };
    let written = async {
        let mut failed = None;
        while let Some(Scored { rows, rejects }) = batches.try_next().await? {
            if spec.on_reject == OnReject::Stop
                && let Some(Reject { at, reason, .. }) = rejects.first()
            {
                let row = piece.first_row + told.rows() + *at as u64;
                return Err(Error::Rejected { row, reason: reason.clone() });
            }
            failed = failed.or_else(|| rejects.iter().find(|reject| !reject.is_bad).map(|reject| reject.reason.clone()));
            for batch in rows {
                files.write_output(&spec.output, &columns, &batch).await?;
                told.scored.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            }
            for Reject { row, reason, .. } in rejects {
                let (table, columns) = (spec.rejects(), reject_columns.as_ref());
                let (table, columns) =
                    table.zip(columns).ok_or_else(|| Error::Kept("it has no table of rejects".to_owned()))?;
                files.write_reject(&table, columns, &rejected(&spec, &row, &reason)?).await?;
                told.rejected.fetch_add(1, Ordering::Relaxed);
            }
        }
        match failed {
            // Something is wrong with the model, or with this machine, and not with every row.
            Some(reason) if told.scored.load(Ordering::Relaxed) == 0 => {
                Err(Error::Model(format!("it failed on every row of a shard: {reason}")))
            }
            _ => Ok(()),
        }
    };
    match written.await {
        Ok(()) => files.finish().await,
        Err(error) => {
            files.abandon().await;
            Err(error)
        }
    }
}

/// A row that can't be scored, as it is kept.
fn rejected(spec: &Spec, row: &RecordBatch, reason: &str) -> Result<RecordBatch, Error> {
    let reason: arrow_array::ArrayRef = Arc::new(StringArray::from(vec![reason; row.num_rows()]));
    let name = REASON.to_owned();
    let mut columns = rows::through(spec, row);
    columns.retain(|(name, _)| *name != REASON);
    columns.push((&name, reason));
    columns.extend(rows::marks(spec, spec.rejects_scheduled_for, row.num_rows()));
    rows::batch(columns)
}

/// The files that a shard writes, begun with their first rows.
struct Files<'w> {
    warehouse: &'w Warehouse,
    job: &'w str,
    output: Option<FileWriter>,
    rejects: Option<FileWriter>,
}

impl Files<'_> {
    async fn write_output(&mut self, table: &TableName, columns: &SchemaRef, rows: &RecordBatch) -> Result<(), Error> {
        write((self.warehouse, self.job), &mut self.output, (table, columns), rows).await
    }

    async fn write_reject(&mut self, table: &TableName, columns: &SchemaRef, rows: &RecordBatch) -> Result<(), Error> {
        write((self.warehouse, self.job), &mut self.rejects, (table, columns), rows).await
    }

    async fn finish(self) -> Result<ShardFiles, Error> {
        let output = match self.output {
            Some(file) => Some(file.finish().await?),
            None => None,
        };
        let rejects = match self.rejects {
            Some(file) => Some(file.finish().await?),
            None => None,
        };
        Ok(ShardFiles { output, rejects })
    }

    async fn abandon(self) {
        for file in [self.output, self.rejects].into_iter().flatten() {
            file.abandon().await;
        }
    }
}

async fn write(
    (warehouse, job): (&Warehouse, &str),
    file: &mut Option<FileWriter>,
    (table, columns): (&TableName, &SchemaRef),
    rows: &RecordBatch,
) -> Result<(), Error> {
    let file = match file {
        Some(file) => file,
        None => file.insert(warehouse.file_writer(table, columns, Some(job))?),
    };
    Ok(file.write(rows).await?)
}
