//! Batch predictions: how they are made and listed.

use contract::{BatchId, BatchShard, BatchStatus, Environment, ModelName, Scope, TaskPayload};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, any::AnyRow};

use super::Batches;
use crate::{
    NewTask, StoreError,
    db::{
        database::Write,
        fields::{Fields, json, text},
        scope,
        texts::Texts,
    },
    tasks,
};

/// A batch prediction to be made.
#[derive(Debug, Clone)]
pub struct NewBatch<'a> {
    /// What the caller names it by: another one of the same name is the same.
    pub job: Option<&'a str>,
    /// The model.
    pub model_name: &'a ModelName,
    /// Whose deployment is meant.
    pub environment: &'a Environment,
    /// The version.
    pub version: u64,
    /// What is to be done.
    pub spec: &'a Value,
    /// How many rows the input has, if that is known.
    pub rows: Option<u64>,
    /// What each shard reads; there is one at least.
    pub pieces: &'a [Value],
    /// Who asked for it.
    pub created_by: &'a str,
}

/// What came of a request for a batch prediction.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It was made.
    Now(Batch),
    /// Its job was asked for before.
    Before(Batch),
}

/// A batch prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// What the caller named it by.
    pub job: Option<String>,
    /// The model.
    pub model_name: ModelName,
    /// Whose deployment was meant.
    pub environment: Environment,
    /// The version.
    pub version: u64,
    /// What is to be done.
    pub spec: Value,
    /// How far it is.
    pub status: BatchStatus,
    /// How many rows the input has, if that is known.
    pub rows: Option<u64>,
    /// How many of them were scored or rejected, those of unfinished shards included.
    pub rows_done: u64,
    /// How many were rejected, in shards that are finished.
    pub rows_rejected: u64,
    /// How many shards there are.
    pub shards: u32,
    /// How many of them are finished.
    pub shards_done: u32,
    /// Why it failed; while it goes on, why a shard of it did, which is tried again.
    pub error: Option<String>,
    /// The output's version that has its rows.
    pub output_version: Option<u64>,
    /// Who asked for it.
    pub created_by: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When its first shard was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Which batch predictions are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct BatchFilter<'a> {
    /// Of which model.
    pub model: Option<&'a ModelName>,
    /// How far they are.
    pub status: Option<BatchStatus>,
    /// Made before which.
    pub before: Option<BatchId>,
    /// How many at most.
    pub limit: usize,
}

impl Batches {
    /// Makes a batch prediction, and a task for each of its shards.
    pub async fn create(&self, new: NewBatch<'_>) -> Result<Created, StoreError> {
        if let Some(before) = self.of_job(new.job).await? {
            return Ok(Created::Before(before));
        }
        let id = BatchId::generate();
        let mut write = self.database.write().await?;
        let insert = sqlx::query(
            "INSERT INTO batches (id, job, model_name, environment, version, spec, total, shards, created_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (job) WHERE job IS NOT NULL DO NOTHING",
        )
        .bind(id.to_string())
        .bind(new.job.map(text))
        .bind(new.model_name.to_string())
        .bind(new.environment.as_str().to_owned())
        .bind(new.version.cast_signed())
        .bind(json(new.spec)?)
        .bind(new.rows.map(u64::cast_signed))
        .bind(i64::try_from(new.pieces.len()).unwrap_or(i64::MAX))
        .bind(text(new.created_by))
        .bind(write.now);
        if write.run(insert).await? == 0 {
            write.undo().await?;
            return Ok(Created::Before(self.of_job(new.job).await?.ok_or(StoreError::Conflict)?));
        }
        for (shard, piece) in (0..).zip(new.pieces) {
            let insert = sqlx::query("INSERT INTO batch_shards (batch_id, shard, piece) VALUES ($1, $2, $3)");
            write.run(insert.bind(id.to_string()).bind(i64::from(shard)).bind(json(piece)?)).await?;
            plan_shard(&mut write, BatchShard { batch: id, shard }).await?;
        }
        write.commit().await?;
        self.get(id).await?.ok_or(StoreError::NotFound).map(Created::Now)
    }

    /// The batch prediction of a job, if there is one.
    pub async fn of_job(&self, job: Option<&str>) -> Result<Option<Batch>, StoreError> {
        let Some(job) = job else { return Ok(None) };
        let query = sqlx::query("SELECT id FROM batches WHERE job = $1").bind(text(job));
        match self.database.optional(query).await? {
            Some(row) => self.get(Fields(&row).parsed("id")?).await,
            None => Ok(None),
        }
    }

    /// A batch prediction.
    pub async fn get(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(select("b.id = $1"))).bind(id.to_string());
        let Some(row) = self.database.optional(query).await? else { return Ok(None) };
        let mut found = [batch(&row)?];
        self.add_rows_in_hand(&mut found).await?;
        let [batch] = found;
        Ok(Some(batch))
    }

    /// The batch predictions of a scope, newest first, and whether there are more.
    pub async fn list(&self, scope: &Scope, filter: BatchFilter<'_>) -> Result<(Vec<Batch>, bool), StoreError> {
        let mut texts = Texts::after(4);
        let theirs = scope::has_model(self.database.dialect, scope, "b.model_name", &mut texts);
        let of = "b.id < $1 AND (b.model_name = $2 OR $2 = '') AND (b.status = $3 OR $3 = '')";
        let sql = format!("{} ORDER BY b.id DESC LIMIT $4", select(&format!("{of} AND {theirs}")));
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.before.map_or_else(|| "g".to_owned(), |id| id.to_string()))
            .bind(filter.model.map(ToString::to_string).unwrap_or_default())
            .bind(filter.status.map_or("", BatchStatus::as_str))
            .bind(i64::try_from(filter.limit).unwrap_or(i64::MAX).saturating_add(1));
        let mut found = self.database.all(texts.bind(query)).await?.iter().map(batch).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > filter.limit;
        found.truncate(filter.limit);
        self.add_rows_in_hand(&mut found).await?;
        Ok((found, more))
    }

    /// Counts the rows of shards that are worked on: their tasks say how far they are.
    async fn add_rows_in_hand(&self, batches: &mut [Batch]) -> Result<(), StoreError> {
        let running: Vec<_> =
            batches.iter().filter(|batch| batch.status == BatchStatus::Running).map(|batch| batch.id).collect();
        if running.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT s.batch_id, t.progress FROM batch_shards s JOIN tasks t ON t.id = s.task_id
             WHERE s.files IS NULL AND t.status = 'running' AND t.progress IS NOT NULL AND {}",
            self.database.dialect.among("s.batch_id", "$1")
        );
        for row in self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(json(&running)?)).await? {
            let fields = Fields(&row);
            let (id, progress): (BatchId, Value) = (fields.parsed("batch_id")?, fields.json("progress")?);
            if let Some(batch) = batches.iter_mut().find(|batch| batch.id == id) {
                batch.rows_done += progress["rows"].as_u64().unwrap_or(0);
            }
        }
        Ok(())
    }
}

/// Has a shard scored by whoever comes first.
pub(super) async fn plan_shard(write: &mut Write, shard: BatchShard) -> Result<(), StoreError> {
    let key = Some(format!("batch {} shard {}", shard.batch, shard.shard));
    let task = NewTask { key, ..NewTask::soon(TaskPayload::BatchShard(shard)) };
    let task = tasks::create(write, &task).await?.ok_or(StoreError::Conflict)?;
    let update = sqlx::query("UPDATE batch_shards SET task_id = $3 WHERE batch_id = $1 AND shard = $2");
    write.run(update.bind(shard.batch.to_string()).bind(i64::from(shard.shard)).bind(task.to_string())).await?;
    Ok(())
}

fn select(condition: &str) -> String {
    format!(
        "SELECT b.id, b.job, b.model_name, b.environment, b.version, b.spec, b.status, b.total, b.shards,
             COALESCE(b.error, (SELECT MAX(t.error) FROM batch_shards s JOIN tasks t ON t.id = s.task_id
                 WHERE b.finished_at IS NULL AND s.batch_id = b.id AND s.files IS NULL)) AS error,
             b.output_version, b.created_by, b.created_at, b.started_at, b.finished_at,
             (SELECT COUNT(*) FROM batch_shards s WHERE s.batch_id = b.id AND s.files IS NOT NULL) AS shards_done,
             (SELECT CAST(COALESCE(SUM(s.scored + s.rejected), 0) AS BIGINT) FROM batch_shards s
              WHERE s.batch_id = b.id) AS rows_done,
             (SELECT CAST(COALESCE(SUM(s.rejected), 0) AS BIGINT) FROM batch_shards s
              WHERE s.batch_id = b.id) AS rows_rejected
         FROM batches b WHERE {condition}"
    )
}

fn batch(row: &AnyRow) -> Result<Batch, StoreError> {
    let fields = Fields(row);
    Ok(Batch {
        id: fields.parsed("id")?,
        job: fields.get("job")?,
        model_name: fields.parsed("model_name")?,
        environment: fields.parsed("environment")?,
        version: fields.count("version")?,
        spec: fields.json("spec")?,
        status: fields.word("status", BatchStatus::from_word)?,
        rows: fields.get::<Option<i64>>("total")?.map(i64::cast_unsigned),
        rows_done: fields.count("rows_done")?,
        rows_rejected: fields.count("rows_rejected")?,
        shards: fields.times("shards")?,
        shards_done: fields.times("shards_done")?,
        error: fields.get("error")?,
        output_version: fields.get::<Option<i64>>("output_version")?.map(i64::cast_unsigned),
        created_by: fields.get("created_by")?,
        created_at: fields.time("created_at")?,
        started_at: fields.time_option("started_at")?,
        finished_at: fields.time_option("finished_at")?,
    })
}
