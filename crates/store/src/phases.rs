//! The phases of a pipeline, and what each leaves behind for the next.

use contract::{Phase, PhaseStatus, PipelineId};
use serde_json::Value;

use crate::{
    Lease, Store, StoreError,
    database::Write,
    fields::{Fields, json, now},
};

impl Store {
    /// Starts a phase, for the first time or again. Answers the number of this attempt, from 1.
    pub async fn start_phase(&self, lease: &Lease, phase: Phase) -> Result<u32, StoreError> {
        let mut write = self.fenced(lease).await?;
        let row = sqlx::query(
            "UPDATE phases SET status = 'running', started_at = $3, finished_at = NULL, error = NULL, attempt = attempt + 1
             WHERE pipeline_id = $1 AND phase = $2 RETURNING attempt",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(phase.as_str())
        .bind(now())
        .fetch_one(&mut *write)
        .await?;
        sqlx::query("UPDATE pipelines SET started_at = COALESCE(started_at, $2) WHERE id = $1")
            .bind(lease.pipeline_id.to_string())
            .bind(now())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Fields(&row).times("attempt")
    }

    /// Ends a phase, with what went wrong and with what a later phase, or a later attempt, needs to know.
    /// A checkpoint of `None` leaves the former one.
    pub async fn finish_phase(
        &self,
        lease: &Lease,
        phase: Phase,
        status: PhaseStatus,
        error: Option<&str>,
        checkpoint: Option<&Value>,
    ) -> Result<(), StoreError> {
        let mut write = self.fenced(lease).await?;
        sqlx::query(
            "UPDATE phases SET status = $3, finished_at = $4, error = $5, checkpoint = COALESCE($6, checkpoint)
             WHERE pipeline_id = $1 AND phase = $2",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(phase.as_str())
        .bind(status.as_str())
        .bind(now())
        .bind(error)
        .bind(checkpoint.map(json).transpose()?)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// What a phase left behind.
    pub async fn checkpoint(&self, id: PipelineId, phase: Phase) -> Result<Option<Value>, StoreError> {
        let row =
            sqlx::query("SELECT checkpoint FROM phases WHERE pipeline_id = $1 AND phase = $2 AND checkpoint IS NOT NULL")
                .bind(id.to_string())
                .bind(phase.as_str())
                .fetch_optional(self.reader())
                .await?;
        row.map(|row| Fields(&row).json("checkpoint")).transpose()
    }
}

/// Ends what is open when the pipeline ends: pending phases are skipped, a running one has failed.
pub(crate) async fn close(write: &mut Write, id: PipelineId) -> Result<(), StoreError> {
    sqlx::query("UPDATE phases SET status = 'skipped' WHERE pipeline_id = $1 AND status = 'pending'")
        .bind(id.to_string())
        .execute(&mut **write)
        .await?;
    sqlx::query("UPDATE phases SET status = 'failed', finished_at = $2 WHERE pipeline_id = $1 AND status = 'running'")
        .bind(id.to_string())
        .bind(now())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Makes the phases that did not succeed pending again. Their count of attempts goes on.
pub(crate) async fn reopen(write: &mut Write, id: PipelineId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE phases SET status = 'pending', started_at = NULL, finished_at = NULL, error = NULL, checkpoint = NULL
         WHERE pipeline_id = $1 AND status <> 'succeeded'",
    )
    .bind(id.to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}
