//! Leases of tasks: which worker has a task, and how it ends. They work as those of pipelines do.

use std::time::Duration;

use contract::{TaskId, TaskPayload};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::{
    StoreError, Tasks, batches,
    db::database::{Database, Write},
    db::fields::{self, Fields, millis},
};

/// The right to work on a task, and what is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLease {
    /// The task.
    pub id: TaskId,
    /// The number of this lease; later leases of the task have greater ones.
    pub token: i64,
    /// Who holds it.
    pub owner: String,
    /// What is to be done.
    pub payload: TaskPayload,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was due. A task that is woken meanwhile is due at another moment.
    pub(crate) run_at: i64,
    /// How many there are at most. A greater `attempt` says that the last one's worker was lost.
    pub max_attempts: u32,
}

/// What a worker hears when it renews its lease of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskLeaseState {
    /// Whether somebody asked for the task to end.
    pub cancel_requested: bool,
}

impl Tasks {
    /// Takes a lease of a task for `ttl`. `None` if it is not due, has ended, somebody else has it, or this program does
    /// not know its kind.
    pub async fn lease(&self, id: TaskId, owner: &str, ttl: Duration) -> Result<Option<TaskLease>, StoreError> {
        let mut write = self.database.write().await?;
        let sql = format!(
            "UPDATE tasks SET status = 'running', lease_token = lease_token + 1, lease_owner = $2, lease_expires_at = $3,
                 attempt = attempt + 1, job_sent_at = NULL, started_at = COALESCE(started_at, $4)
             WHERE id = $1 AND status IN ('queued', 'running') AND run_at <= $4
                 AND (lease_owner IS NULL OR lease_expires_at <= $4) AND {}
             RETURNING lease_token, kind, payload, run_at, attempt, max_attempts",
            write.dialect.among("kind", "$5")
        );
        let lease = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_string())
            .bind(owner)
            .bind(write.now.saturating_add(millis(ttl)))
            .bind(write.now)
            .bind(fields::json(&TaskPayload::KINDS)?);
        let Some(row) = write.optional(lease).await? else {
            write.undo().await?;
            return Ok(None);
        };
        let fields = Fields(&row);
        let (kind, payload): (String, Value) = (fields.get("kind")?, fields.json("payload")?);
        let payload = serde_json::from_value(json!({ "kind": kind, "payload": payload }))
            .map_err(|error| StoreError::Corrupt(format!("task {id}: {error}")))?;
        let lease = TaskLease {
            id,
            token: fields.get("lease_token")?,
            owner: owner.to_owned(),
            payload,
            run_at: fields.get("run_at")?,
            attempt: fields.times("attempt")?,
            max_attempts: fields.times("max_attempts")?,
        };
        write.commit().await?;
        Ok(Some(lease))
    }

    /// Keeps a lease for another `ttl` from now, and says how far the task is.
    pub async fn renew(
        &self,
        lease: &TaskLease,
        ttl: Duration,
        progress: Option<&Value>,
    ) -> Result<TaskLeaseState, StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let renew = sqlx::query(
            "UPDATE tasks SET lease_expires_at = $2, progress = COALESCE($3, progress) WHERE id = $1
             RETURNING cancel_requested",
        )
        .bind(lease.id.to_string())
        .bind(write.now.saturating_add(millis(ttl)))
        .bind(progress.map(Value::to_string));
        let row = write.one(renew).await?;
        write.commit().await?;
        Ok(TaskLeaseState { cancel_requested: Fields(&row).flag("cancel_requested")? })
    }

    /// Gives a task back unfinished, for another worker to begin again at once. The attempt does not count.
    pub async fn release(&self, lease: &TaskLease) -> Result<(), StoreError> {
        let release = sqlx::query(
            "UPDATE tasks SET status = 'queued', attempt = attempt - 1, lease_owner = NULL,
             lease_expires_at = NULL WHERE id = $1",
        );
        self.end(lease, |_| release.bind(lease.id.to_string())).await
    }

    /// Ends a task well.
    pub async fn finish(&self, lease: &TaskLease, outcome: &Value) -> Result<(), StoreError> {
        let finish = sqlx::query(
            "UPDATE tasks SET status = 'succeeded', outcome = $2, error = NULL, finished_at = $3, lease_owner = NULL,
                 lease_expires_at = NULL WHERE id = $1",
        );
        self.end(lease, |write| finish.bind(lease.id.to_string()).bind(outcome.to_string()).bind(write.now)).await
    }

    /// Notes that an attempt came to a good end, and that there is more to do after a while, or at once if it was woken: attempts count from
    /// there.
    pub async fn again(&self, lease: &TaskLease, after: Duration) -> Result<(), StoreError> {
        let again = sqlx::query(
            "UPDATE tasks SET status = 'queued', attempt = 0, error = NULL, job_sent_at = NULL, lease_owner = NULL, lease_expires_at = NULL,
                 run_at = CASE WHEN run_at = $3 THEN $2 ELSE run_at END WHERE id = $1",
        );
        let again = again.bind(lease.id.to_string());
        self.end(lease, |write| again.bind(write.now.saturating_add(millis(after))).bind(lease.run_at)).await
    }

    /// Notes that an attempt failed, and that the next is due after a while, or at once if it was woken.
    pub async fn retry(&self, lease: &TaskLease, error: &str, after: Duration) -> Result<(), StoreError> {
        let retry = sqlx::query(
            "UPDATE tasks SET status = 'queued', error = $2, job_sent_at = NULL, lease_owner = NULL, lease_expires_at = NULL,
                 run_at = CASE WHEN run_at = $4 THEN $3 ELSE run_at END WHERE id = $1",
        );
        self.end(lease, |write| {
            let due = write.now.saturating_add(millis(after));
            retry.bind(lease.id.to_string()).bind(fields::text(error)).bind(due).bind(lease.run_at)
        })
        .await
    }

    /// Gives a task up.
    pub async fn fail(&self, lease: &TaskLease, error: &str) -> Result<(), StoreError> {
        self.end_badly(lease, "failed", Some(error)).await
    }

    /// Ends a task that somebody asked to end.
    pub async fn cancelled(&self, lease: &TaskLease) -> Result<(), StoreError> {
        self.end_badly(lease, "cancelled", None).await
    }

    /// Ends every lease, for the start of a process that knows its one predecessor to be dead.
    pub async fn release_all_leases(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let release = sqlx::query(
            "UPDATE tasks SET status = 'queued', lease_owner = NULL, lease_expires_at = NULL, job_sent_at = NULL
             WHERE status IN ('queued', 'running')",
        );
        write.run(release).await?;
        write.commit().await
    }

    async fn end_badly(&self, lease: &TaskLease, status: &str, error: Option<&str>) -> Result<(), StoreError> {
        let end = sqlx::query(
            "UPDATE tasks SET status = $2, error = COALESCE($3, error), finished_at = $4, lease_owner = NULL,
                 lease_expires_at = NULL WHERE id = $1",
        );
        let mut write = fenced(&self.database, lease).await?;
        let end = end.bind(lease.id.to_string()).bind(status).bind(error.map(fields::text)).bind(write.now);
        // Before the task changes: whoever has the batch prediction locked may wait for that.
        batches::task_ended_badly(&mut write, lease.id, error).await?;
        write.run(end).await?;
        write.commit().await
    }

    async fn end<'q>(
        &self,
        lease: &TaskLease,
        query: impl FnOnce(&Write) -> crate::db::database::Query<'q>,
    ) -> Result<(), StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let query = query(&write);
        write.run(query).await?;
        write.commit().await
    }
}

/// Begins a write in the name of a lease. Nobody can take the lease over before the write's end.
pub(crate) async fn fenced(database: &Database, lease: &TaskLease) -> Result<Write, StoreError> {
    let mut write = database.write().await?;
    let sql = format!(
        "SELECT lease_token FROM tasks WHERE id = $1 AND lease_token = $2 AND lease_owner = $3{}",
        write.dialect.locked()
    );
    let held = sqlx::query(AssertSqlSafe(sql)).bind(lease.id.to_string()).bind(lease.token).bind(&lease.owner);
    if write.optional(held).await?.is_some() { Ok(write) } else { Err(StoreError::Fenced) }
}
