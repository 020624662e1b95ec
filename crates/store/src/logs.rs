//! Log lines, many to a row: a notebook may print a hundred thousand of them.

use contract::{LogLine, PipelineId};

use crate::{
    Lease, Store, StoreError,
    fields::{Fields, json},
};

impl Store {
    /// Appends lines, numbered from `first_seq`, which is one more than [`Store::last_seq`].
    /// [`StoreError::Conflict`] if the numbers do not continue the log.
    pub async fn append_logs(&self, lease: &Lease, first_seq: u64, lines: &[LogLine]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut write = self.fenced(lease).await?;
        let numbers = (first_seq..).zip(lines);
        if last_seq(&mut *write, lease.pipeline_id).await? + 1 != first_seq
            || numbers.into_iter().any(|(seq, line)| line.seq != seq)
        {
            return Err(StoreError::Conflict);
        }
        sqlx::query("INSERT INTO log_chunks (pipeline_id, first_seq, last_seq, lines) VALUES ($1, $2, $3, $4)")
            .bind(lease.pipeline_id.to_string())
            .bind(first_seq.cast_signed())
            .bind((first_seq + lines.len() as u64 - 1).cast_signed())
            .bind(json(&lines)?)
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// The number of a pipeline's last line; 0 before the first.
    pub async fn last_seq(&self, id: PipelineId) -> Result<u64, StoreError> {
        last_seq(self.reader(), id).await
    }

    /// At most `limit` lines that follow number `after`, in order.
    pub async fn logs(&self, id: PipelineId, after: u64, limit: usize) -> Result<Vec<LogLine>, StoreError> {
        let last = after.saturating_add(limit as u64).min(i64::MAX as u64);
        // Two look-ups in the index: the batch that holds the first line wanted, and those up to the last.
        let rows = sqlx::query(
            "SELECT lines FROM log_chunks WHERE pipeline_id = $1 AND first_seq <= $3 AND first_seq >=
                 (SELECT MAX(first_seq) FROM log_chunks WHERE pipeline_id = $1 AND first_seq <= $2)
             ORDER BY first_seq",
        )
        .bind(id.to_string())
        .bind(after.saturating_add(1).min(i64::MAX as u64).cast_signed())
        .bind(last.cast_signed())
        .fetch_all(self.reader())
        .await?;
        let mut lines = Vec::new();
        for row in &rows {
            let chunk: Vec<LogLine> = Fields(row).json("lines")?;
            lines.extend(chunk.into_iter().filter(|line| line.seq > after && line.seq <= last));
        }
        Ok(lines)
    }
}

async fn last_seq(executor: impl sqlx::Executor<'_, Database = sqlx::Any>, id: PipelineId) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT last_seq FROM log_chunks WHERE pipeline_id = $1 ORDER BY first_seq DESC LIMIT 1")
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.map_or(Ok(0), |row| Fields(&row).count("last_seq"))
}
