//! What whoever sees to a schedule notes of it, in the name of its task's lease: who lost that can note nothing.

use contract::{BatchId, FiringCause, FiringId, FiringStatus, PipelineId, ScheduleId};
use jiff::Timestamp;

use super::{
    Schedules,
    firings::{New, add},
};
use crate::{StoreError, TaskLease, db::fields::text, tasks};

/// A moment that came, and what becomes of it: it waits for its turn, or it is left out and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The moment.
    pub moment: Timestamp,
    /// Why it is left out.
    pub left_out: Option<String>,
}

/// What a firing began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Began {
    /// A batch prediction.
    Batch(BatchId),
    /// A pipeline.
    Pipeline(PipelineId),
    /// What the worker does itself.
    Here,
}

impl Schedules {
    /// Notes moments that came, and which is the next. `false`, and nothing is noted, if somebody changed the schedule since: then
    /// another one was expected.
    pub async fn fire(
        &self,
        lease: &TaskLease,
        schedule: ScheduleId,
        expected: Timestamp,
        fired: &[Fired],
        next: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut write = tasks::fenced(&self.database, lease).await?;
        let update = sqlx::query("UPDATE schedules SET next_at = $3 WHERE id = $1 AND next_at = $2")
            .bind(schedule.to_string())
            .bind(expected.as_millisecond())
            .bind(next.map(Timestamp::as_millisecond));
        if write.run(update).await? == 0 {
            write.undo().await?;
            return Ok(false);
        }
        for Fired { moment, left_out } in fired {
            let status = if left_out.is_some() { FiringStatus::Skipped } else { FiringStatus::Waiting };
            let new = New { cause: FiringCause::Cron, status, reason: left_out.as_deref() };
            add(&mut write, schedule, *moment, &new).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// Notes that a firing that waited has begun something. `false` if it does not wait any more.
    pub async fn begin(&self, lease: &TaskLease, firing: FiringId, began: Began) -> Result<bool, StoreError> {
        let (batch, pipeline) = match began {
            Began::Batch(id) => (Some(id.to_string()), None),
            Began::Pipeline(id) => (None, Some(id.to_string())),
            Began::Here => (None, None),
        };
        let mut write = tasks::fenced(&self.database, lease).await?;
        let update = sqlx::query(
            "UPDATE firings SET status = 'running', reason = NULL, batch_id = $2, pipeline_id = $3, started_at = $4
             WHERE id = $1 AND status = 'waiting'",
        );
        let changed = write.run(update.bind(firing.to_string()).bind(batch).bind(pipeline).bind(write.now)).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Notes why a firing still waits.
    pub async fn note(&self, lease: &TaskLease, firing: FiringId, reason: &str) -> Result<(), StoreError> {
        let mut write = tasks::fenced(&self.database, lease).await?;
        let update = sqlx::query(
            "UPDATE firings SET reason = $2, tried_at = COALESCE(tried_at, $3) WHERE id = $1 AND status = 'waiting'",
        );
        write.run(update.bind(firing.to_string()).bind(text(reason)).bind(write.now)).await?;
        write.commit().await
    }

    /// Notes how a firing ended that waited or ran.
    pub async fn end(
        &self,
        lease: &TaskLease,
        firing: FiringId,
        status: FiringStatus,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut write = tasks::fenced(&self.database, lease).await?;
        let update = sqlx::query(
            "UPDATE firings SET status = $2, reason = $3, finished_at = $4
             WHERE id = $1 AND status IN ('waiting', 'running')",
        );
        write.run(update.bind(firing.to_string()).bind(status.as_str()).bind(reason.map(text)).bind(write.now)).await?;
        write.commit().await
    }
}
