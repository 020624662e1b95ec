//! How batch predictions end, and go on after that.

use contract::{BatchId, BatchShard, BatchStatus, TaskId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Batch, Batches, records::plan_shard, shards::plan_commit};
use crate::{
    StoreError,
    db::{
        database::Write,
        fields::{Fields, text},
    },
};

impl Batches {
    /// Notes that the output has the rows, since a version. Whoever says so may have been given up for lost.
    pub async fn succeed(&self, id: BatchId, output_version: u64) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query(
            "UPDATE batches SET status = 'succeeded', output_version = $2, error = NULL, finished_at = $3
             WHERE id = $1 AND status IN ('writing', 'failed')",
        );
        write.run(update.bind(id.to_string()).bind(output_version.cast_signed()).bind(write.now)).await?;
        write.commit().await
    }

    /// Notes that the output can't take the rows any more. The job's name is free for another one.
    pub async fn refuse(&self, id: BatchId, error: &str) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query(
            "UPDATE batches SET status = 'failed', error = $2, job = NULL, finished_at = $3
             WHERE id = $1 AND status = 'writing'",
        );
        write.run(update.bind(id.to_string()).bind(text(error)).bind(write.now)).await?;
        write.commit().await
    }

    /// Ends a batch prediction before its rows become part of the output. [`StoreError::Conflict`] if they do already, or it is over.
    pub async fn cancel(&self, id: BatchId) -> Result<Batch, StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query(
            "UPDATE batches SET status = 'cancelled', finished_at = $2 WHERE id = $1 AND status IN ('queued', 'running')",
        );
        if write.run(update.bind(id.to_string()).bind(write.now)).await? == 0 {
            write.undo().await?;
            return Err(StoreError::Conflict);
        }
        cancel_tasks(&mut write, id).await?;
        write.commit().await?;
        self.get(id).await?.ok_or(StoreError::NotFound)
    }

    /// Goes on with one that failed or was cancelled: shards that are done stay so. [`StoreError::Conflict`] if it is neither, or a
    /// worker still has a shard of it in hand.
    pub async fn resume(&self, id: BatchId) -> Result<Batch, StoreError> {
        let mut write = self.database.write().await?;
        let update = sqlx::query(
            "UPDATE batches SET status = 'queued', error = NULL, finished_at = NULL
             WHERE id = $1 AND status IN ('failed', 'cancelled')",
        );
        if write.run(update.bind(id.to_string())).await? == 0 {
            write.undo().await?;
            return Err(StoreError::Conflict);
        }
        let left = sqlx::query("SELECT shard FROM batch_shards WHERE batch_id = $1 AND files IS NULL ORDER BY shard");
        let left = write.all(left.bind(id.to_string())).await?;
        for row in &left {
            plan_shard(&mut write, BatchShard { batch: id, shard: Fields(row).times("shard")? }).await?;
        }
        if left.is_empty() {
            let writing = sqlx::query("UPDATE batches SET status = 'writing' WHERE id = $1");
            write.run(writing.bind(id.to_string())).await?;
            plan_commit(&mut write, id).await?;
        }
        write.commit().await?;
        self.get(id).await?.ok_or(StoreError::NotFound)
    }

    /// Batch predictions that ended before a moment, at most so many.
    pub async fn ended(&self, before: Timestamp, limit: u32) -> Result<Vec<Batch>, StoreError> {
        let query = sqlx::query("SELECT id FROM batches WHERE finished_at < $1 ORDER BY finished_at LIMIT $2");
        let rows = self.database.all(query.bind(before.as_millisecond()).bind(i64::from(limit))).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.extend(self.get(Fields(row).parsed("id")?).await?);
        }
        Ok(found)
    }

    /// Forgets a batch prediction that is over. `false`, and it stays, if it goes on by now.
    pub async fn forget(&self, id: BatchId) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let delete = sqlx::query("DELETE FROM batches WHERE id = $1 AND finished_at IS NOT NULL");
        if write.run(delete.bind(id.to_string())).await? == 0 {
            write.undo().await?;
            return Ok(false);
        }
        write.run(sqlx::query("DELETE FROM batch_shards WHERE batch_id = $1").bind(id.to_string())).await?;
        write.commit().await?;
        Ok(true)
    }
}

/// Ends the tasks of shards that nobody has in hand. Whoever has one looks whether it is still wanted; to wait for those here
/// would be to wait for each other.
async fn cancel_tasks(write: &mut Write, id: BatchId) -> Result<(), StoreError> {
    let cancel = sqlx::query(
        "UPDATE tasks SET status = 'cancelled', finished_at = $2
         WHERE status = 'queued' AND id IN (SELECT task_id FROM batch_shards WHERE batch_id = $1 AND files IS NULL)",
    );
    write.run(cancel.bind(id.to_string()).bind(write.now)).await?;
    Ok(())
}

/// Of a task that failed or was cancelled, whatever it was: a batch prediction that it was part of fails, and its other shards need
/// not be scored.
pub(crate) async fn task_ended_badly(write: &mut Write, task: TaskId, error: Option<&str>) -> Result<(), StoreError> {
    let find = sqlx::query(
        "SELECT batch_id AS id, CAST(0 AS BIGINT) AS is_commit FROM batch_shards WHERE task_id = $1
         UNION ALL SELECT b.id, CAST(1 AS BIGINT) AS is_commit FROM tasks t JOIN batches b ON 'batch ' || b.id = t.unique_key WHERE t.id = $1",
    );
    let Some(row) = write.optional(find.bind(task.to_string())).await? else { return Ok(()) };
    let (id, is_commit): (BatchId, bool) = (Fields(&row).parsed("id")?, Fields(&row).flag("is_commit")?);
    let sql = format!("SELECT status FROM batches WHERE id = $1{}", write.dialect.locked());
    let Some(row) = write.optional(sqlx::query(AssertSqlSafe(sql)).bind(id.to_string())).await? else { return Ok(()) };
    if Fields(&row).word("status", BatchStatus::from_word)?.is_over() {
        return Ok(());
    }
    let update = sqlx::query("UPDATE batches SET status = 'failed', error = $2, finished_at = $3 WHERE id = $1");
    let error = text(error.unwrap_or("one of its tasks was cancelled"));
    // It may have been done before it failed.
    let doubt = "whether its rows are in the output is not known; go on with it to find out";
    let error = if is_commit { format!("{doubt}: {error}") } else { error };
    write.run(update.bind(id.to_string()).bind(error).bind(write.now)).await?;
    cancel_tasks(write, id).await
}
