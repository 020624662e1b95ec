//! What each shard reads and wrote.

use contract::{BatchId, BatchShard, BatchStatus, TaskId, TaskPayload};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::Batches;
use crate::{
    NewTask, StoreError, TaskLease,
    db::{
        database::Write,
        fields::{Fields, json},
    },
    tasks,
};

/// What a shard has to do.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardWork {
    /// What it reads.
    pub piece: Value,
    /// Whether it has been done.
    pub done: bool,
}

/// What a shard has done.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardDone {
    /// What it wrote.
    pub files: Value,
    /// How many rows were scored.
    pub scored: u64,
    /// How many could not be.
    pub rejected: u64,
}

/// What comes of a shard that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardEnd {
    /// It was for nothing: the batch prediction is over, or another worker did the same.
    ForNothing,
    /// It is kept.
    Kept,
    /// It is kept, and was the last one. This task makes all of them part of the output.
    Last(TaskId),
}

impl Batches {
    /// What a shard has to do, and that it is begun. Nothing if there is nothing to be done for it any more.
    pub async fn begin_shard(&self, shard: BatchShard) -> Result<Option<ShardWork>, StoreError> {
        let mut write = self.database.write().await?;
        let begin = sqlx::query(
            "UPDATE batches SET status = 'running', started_at = COALESCE(started_at, $2)
             WHERE id = $1 AND status IN ('queued', 'running')",
        );
        if write.run(begin.bind(shard.batch.to_string()).bind(write.now)).await? == 0 {
            write.undo().await?;
            return Ok(None);
        }
        let query = sqlx::query("SELECT piece, files FROM batch_shards WHERE batch_id = $1 AND shard = $2");
        let row = write.optional(query.bind(shard.batch.to_string()).bind(i64::from(shard.shard))).await?;
        write.commit().await?;
        row.map(|row| {
            let fields = Fields(&row);
            Ok(ShardWork { piece: fields.json("piece")?, done: fields.get::<Option<String>>("files")?.is_some() })
        })
        .transpose()
    }

    /// Whether the shards of a batch prediction are still to be scored.
    pub async fn is_on(&self, id: BatchId) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 AS one FROM batches WHERE id = $1 AND status IN ('queued', 'running')");
        Ok(self.database.optional(query.bind(id.to_string())).await?.is_some())
    }

    /// Keeps what a shard wrote, in the name of its task's lease. After the last one, their files are to become part of the output.
    pub async fn finish_shard(
        &self,
        lease: &TaskLease,
        shard: BatchShard,
        done: &ShardDone,
    ) -> Result<ShardEnd, StoreError> {
        let mut write = tasks::fenced(&self.database, lease).await?;
        // Of two that finish at the same moment, the later one sees the other.
        let lock = format!("SELECT status FROM batches WHERE id = $1{}", write.dialect.locked());
        let row = write.optional(sqlx::query(AssertSqlSafe(lock)).bind(shard.batch.to_string())).await?;
        let status = row.map(|row| Fields(&row).word("status", BatchStatus::from_word)).transpose()?;
        if status != Some(BatchStatus::Running) {
            write.undo().await?;
            return Ok(ShardEnd::ForNothing);
        }
        let update = sqlx::query(
            "UPDATE batch_shards SET files = $3, scored = $4, rejected = $5
             WHERE batch_id = $1 AND shard = $2 AND files IS NULL",
        );
        let update = update.bind(shard.batch.to_string()).bind(i64::from(shard.shard)).bind(json(&done.files)?);
        let changed = write.run(update.bind(done.scored.cast_signed()).bind(done.rejected.cast_signed())).await?;
        if changed == 0 {
            write.undo().await?;
            return Ok(ShardEnd::ForNothing);
        }
        let mut end = ShardEnd::Kept;
        let left = sqlx::query("SELECT COUNT(*) AS n FROM batch_shards WHERE batch_id = $1 AND files IS NULL");
        if Fields(&write.one(left.bind(shard.batch.to_string())).await?).count("n")? == 0 {
            let writing = sqlx::query("UPDATE batches SET status = 'writing' WHERE id = $1");
            write.run(writing.bind(shard.batch.to_string())).await?;
            end = plan_commit(&mut write, shard.batch).await?.map_or(end, ShardEnd::Last);
        }
        write.commit().await?;
        Ok(end)
    }

    /// What the shards of a batch prediction wrote, those that are done, in their order.
    pub async fn files(&self, id: BatchId) -> Result<Vec<Value>, StoreError> {
        let query = sqlx::query("SELECT files FROM batch_shards WHERE batch_id = $1 AND files IS NOT NULL ORDER BY shard");
        self.database.all(query.bind(id.to_string())).await?.iter().map(|row| Fields(row).json("files")).collect()
    }
}

/// Has what the shards wrote made part of the output.
pub(super) async fn plan_commit(write: &mut Write, id: BatchId) -> Result<Option<TaskId>, StoreError> {
    let key = Some(format!("batch {id}"));
    tasks::create(write, &NewTask { key, ..NewTask::soon(TaskPayload::BatchCommit(id)) }).await
}
