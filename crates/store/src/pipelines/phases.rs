//! The phases of a pipeline, and what each leaves behind for the next.
//!
//! A phase without a row has not been started; [`record`] says how that reads.

use contract::{Phase, PhaseRecord, PhaseStatus, PipelineId};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::{
    Lease, Pipelines, StoreError,
    db::database::Write,
    db::fields::{self, Fields, json},
    pipelines::leases::fenced,
};

impl Pipelines {
    /// Starts a phase, for the first time or again. Answers the number of this attempt, from 1.
    pub async fn start_phase(&self, lease: &Lease, phase: Phase) -> Result<u32, StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let start = sqlx::query(
            "INSERT INTO phases (pipeline_id, phase, status, started_at, attempt) VALUES ($1, $2, 'running', $3, 1)
             ON CONFLICT (pipeline_id, phase) DO UPDATE SET status = excluded.status, started_at = excluded.started_at,
                 finished_at = NULL, error = NULL, attempt = phases.attempt + 1
             RETURNING attempt",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(phase.as_str())
        .bind(write.now);
        let row = write.one(start).await?;
        let started = sqlx::query("UPDATE pipelines SET started_at = $2 WHERE id = $1 AND started_at IS NULL");
        write.run(started.bind(lease.pipeline_id.to_string()).bind(write.now)).await?;
        write.commit().await?;
        Fields(&row).times("attempt")
    }

    /// Ends a phase, with what went wrong and with what a later phase, or a later attempt, needs to know.
    /// A checkpoint of `None` leaves the one before.
    pub async fn finish_phase(
        &self,
        lease: &Lease,
        phase: Phase,
        status: PhaseStatus,
        error: Option<&str>,
        checkpoint: Option<&Value>,
    ) -> Result<(), StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let finish = sqlx::query(
            "INSERT INTO phases (pipeline_id, phase, status, finished_at, error, checkpoint, attempt)
             VALUES ($1, $2, $3, $4, $5, $6, 0)
             ON CONFLICT (pipeline_id, phase) DO UPDATE SET status = excluded.status, finished_at = excluded.finished_at,
                 error = excluded.error, checkpoint = COALESCE(excluded.checkpoint, phases.checkpoint)",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(phase.as_str())
        .bind(status.as_str())
        .bind(write.now)
        .bind(error.map(fields::text))
        .bind(checkpoint.map(json).transpose()?);
        write.run(finish).await?;
        if status == PhaseStatus::Succeeded {
            // It gets on, so it is not what its holders were lost to.
            let cleared = sqlx::query("UPDATE pipelines SET takeovers = 0 WHERE id = $1 AND takeovers > 0");
            write.run(cleared.bind(lease.pipeline_id.to_string())).await?;
        }
        write.commit().await
    }

    /// What a phase left behind.
    pub async fn checkpoint(&self, id: PipelineId, phase: Phase) -> Result<Option<Value>, StoreError> {
        let query =
            sqlx::query("SELECT checkpoint FROM phases WHERE pipeline_id = $1 AND phase = $2 AND checkpoint IS NOT NULL");
        let row = self.database.optional(query.bind(id.to_string()).bind(phase.as_str())).await?;
        row.map(|row| Fields(&row).json("checkpoint")).transpose()
    }
}

/// Ends what is open when the pipeline ends: a running phase has failed. What is pending then reads as skipped.
pub(crate) async fn close(write: &mut Write, id: PipelineId) -> Result<(), StoreError> {
    let close =
        sqlx::query("UPDATE phases SET status = 'failed', finished_at = $2 WHERE pipeline_id = $1 AND status = 'running'");
    write.run(close.bind(id.to_string()).bind(write.now)).await?;
    Ok(())
}

/// Makes the phases that did not succeed pending again. Their count of attempts goes on.
pub(crate) async fn reopen(write: &mut Write, id: PipelineId) -> Result<(), StoreError> {
    let reopen = sqlx::query(
        "UPDATE phases SET status = 'pending', started_at = NULL, finished_at = NULL, error = NULL, checkpoint = NULL
         WHERE pipeline_id = $1 AND status <> 'succeeded'",
    );
    write.run(reopen.bind(id.to_string())).await?;
    Ok(())
}

/// A phase that was not started, of a pipeline that is over or not.
pub(crate) fn unstarted(name: Phase, over: bool) -> PhaseRecord {
    let status = if over { PhaseStatus::Skipped } else { PhaseStatus::Pending };
    PhaseRecord { name, status, started_at: None, finished_at: None, attempt: 0, error: None }
}

/// A phase's row, of a pipeline that is over or not; `None` if the row is of a pipeline without phases.
pub(crate) fn record(row: &AnyRow, over: bool) -> Result<Option<PhaseRecord>, StoreError> {
    let fields = Fields(row);
    if fields.get::<Option<String>>("phase")?.is_none() {
        return Ok(None);
    }
    let status = match fields.word("phase_status", PhaseStatus::from_word)? {
        PhaseStatus::Pending if over => PhaseStatus::Skipped,
        status => status,
    };
    Ok(Some(PhaseRecord {
        name: fields.word("phase", Phase::from_word)?,
        status,
        started_at: fields.time_option("phase_started_at")?,
        finished_at: fields.time_option("phase_finished_at")?,
        attempt: fields.times("attempt")?,
        error: fields.get("error")?,
    }))
}
