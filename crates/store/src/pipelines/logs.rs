//! Log lines, many to a row: a notebook may print a hundred thousand of them.

use contract::{LogLine, PipelineId};
use serde_json::value::RawValue;
use sqlx::any::AnyRow;

use crate::{
    Lease, Pipelines, StoreError,
    db::database::Query,
    db::fields::{Fields, json},
    pipelines::leases::fenced,
};

impl Pipelines {
    /// Appends lines, numbered from `first_seq`, which is one more than [`Pipelines::last_seq`].
    /// [`StoreError::Conflict`] if the numbers do not continue the log.
    pub async fn append_logs(&self, lease: &Lease, first_seq: u64, lines: &[LogLine]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut write = fenced(&self.database, lease).await?;
        let numbers = (first_seq..).zip(lines);
        if last_of(write.optional(last_batch(lease.pipeline_id)).await?.as_ref())? + 1 != first_seq
            || numbers.into_iter().any(|(seq, line)| line.seq != seq)
        {
            return Err(StoreError::Conflict);
        }
        let append = sqlx::query("INSERT INTO log_chunks (pipeline_id, first_seq, last_seq, lines) VALUES ($1, $2, $3, $4)")
            .bind(lease.pipeline_id.to_string())
            .bind(first_seq.cast_signed())
            .bind((first_seq + lines.len() as u64 - 1).cast_signed())
            .bind(json(&lines)?);
        write.run(append).await?;
        write.commit().await
    }

    /// The number of a pipeline's last line; 0 before the first.
    pub async fn last_seq(&self, id: PipelineId) -> Result<u64, StoreError> {
        last_of(self.database.optional(last_batch(id)).await?.as_ref())
    }

    /// At most `limit` lines that follow number `after`, in order.
    pub async fn logs(&self, id: PipelineId, after: u64, limit: usize) -> Result<Vec<LogLine>, StoreError> {
        let mut lines = Vec::new();
        for row in self.batches(id, after, limit).await? {
            let batch: Vec<LogLine> = Fields(&row).json("lines")?;
            lines.extend(batch.into_iter().filter(|line| line.seq > after).take(limit - lines.len()));
        }
        Ok(lines)
    }

    /// The same lines, each as its number and its JSON text, which is that of [`contract::LogFrame::Line`]: for those who pass
    /// it on as it is.
    pub async fn log_frames(&self, id: PipelineId, after: u64, limit: usize) -> Result<Vec<(u64, String)>, StoreError> {
        let mut frames = Vec::new();
        for row in self.batches(id, after, limit).await? {
            let (first, text): (u64, String) = (Fields(&row).count("first_seq")?, Fields(&row).get("lines")?);
            // Cut where a line begins and ends, not read.
            let batch: Vec<&RawValue> =
                serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(format!("column lines: {error}")))?;
            let numbered = (first..).zip(batch).filter(|(seq, _)| *seq > after).take(limit - frames.len());
            frames.extend(numbered.map(|(seq, line)| (seq, line.get().to_owned())));
        }
        Ok(frames)
    }

    /// The batches that hold the lines wanted.
    async fn batches(&self, id: PipelineId, after: u64, limit: usize) -> Result<Vec<AnyRow>, StoreError> {
        let last = after.saturating_add(limit as u64).min(i64::MAX as u64);
        // Two look-ups in the index: the batch that holds the first line wanted, and those up to the last.
        let query = sqlx::query(
            "SELECT first_seq, lines FROM log_chunks WHERE pipeline_id = $1 AND first_seq <= $3 AND first_seq >=
                 (SELECT MAX(first_seq) FROM log_chunks WHERE pipeline_id = $1 AND first_seq <= $2)
             ORDER BY first_seq",
        )
        .bind(id.to_string())
        .bind(after.saturating_add(1).min(i64::MAX as u64).cast_signed())
        .bind(last.cast_signed());
        self.database.all(query).await
    }
}

fn last_batch<'q>(id: PipelineId) -> Query<'q> {
    sqlx::query("SELECT last_seq FROM log_chunks WHERE pipeline_id = $1 ORDER BY first_seq DESC LIMIT 1")
        .bind(id.to_string())
}

fn last_of(batch: Option<&AnyRow>) -> Result<u64, StoreError> {
    batch.map_or(Ok(0), |row| Fields(row).count("last_seq"))
}
