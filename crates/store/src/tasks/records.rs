//! Tasks: how they are made, listed and cancelled.

use std::time::Duration;

use contract::{TaskId, TaskPayload, TaskStatus};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::{
    StoreError, Tasks,
    db::database::Write,
    db::fields::{Fields, json, millis},
};

/// A task to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// What is to be done.
    pub payload: TaskPayload,
    /// Of tasks with the same key, at most one is unfinished; none: there may be any number.
    pub key: Option<String>,
    /// How long from now it is due.
    pub after: Duration,
    /// How often it is begun at most.
    pub max_attempts: u32,
}

impl NewTask {
    /// One that is due at once, and tried for about an hour.
    pub fn soon(payload: TaskPayload) -> Self {
        Self { payload, key: None, after: Duration::ZERO, max_attempts: ATTEMPTS }
    }
}

/// A task, as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// The task.
    pub id: TaskId,
    /// Its kind's name, also where this program does not know the kind.
    pub kind: String,
    /// How far it is.
    pub status: TaskStatus,
    /// When it is due, or was.
    pub run_at: Timestamp,
    /// How often it was begun.
    pub attempt: u32,
    /// Which worker has it.
    pub owner: Option<String>,
    /// What its handler last said of how far it is.
    pub progress: Option<Value>,
    /// What it came to.
    pub outcome: Option<Value>,
    /// Why its last attempt failed.
    pub error: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Tasks {
    /// Creates a task. `None` if one with its key is unfinished.
    pub async fn create(&self, task: NewTask) -> Result<Option<TaskId>, StoreError> {
        let mut write = self.database.write().await?;
        let id = create(&mut write, &task).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Makes sure that a periodic task is planned: unless one with its key is unfinished, it is created for the next full
    /// multiple of `period` since 1970. However many processes do so, one is made for each period; where all were away
    /// for several, for those together.
    pub async fn plan(&self, payload: TaskPayload, key: &str, period: Duration) -> Result<Option<TaskId>, StoreError> {
        let mut write = self.database.write().await?;
        let period = millis(period).max(1);
        let after = Duration::from_millis((period - write.now % period).unsigned_abs());
        let task = NewTask { payload, key: Some(key.to_owned()), after, max_attempts: ATTEMPTS };
        let id = create(&mut write, &task).await?;
        write.commit().await?;
        Ok(id)
    }

    /// The newest tasks, newest first.
    pub async fn list(&self, limit: usize) -> Result<Vec<TaskRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT id, kind, status, run_at, attempt, lease_owner, progress, outcome, error, created_at, started_at,
                 finished_at FROM tasks ORDER BY id DESC LIMIT $1",
        );
        let rows = self.database.all(query.bind((limit as u64).cast_signed())).await?;
        rows.iter().map(record).collect()
    }

    /// Asks for a task to end. One that waits is cancelled at once; of a running one, its worker hears when it renews its
    /// lease. [`StoreError::Conflict`] if it had ended before, or there is none.
    pub async fn request_cancel(&self, id: TaskId) -> Result<TaskStatus, StoreError> {
        let mut write = self.database.write().await?;
        let cancel = sqlx::query(
            "UPDATE tasks SET cancel_requested = 1,
                 finished_at = CASE status WHEN 'queued' THEN $2 ELSE finished_at END,
                 status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END
             WHERE id = $1 AND status IN ('queued', 'running') RETURNING status",
        );
        let Some(row) = write.optional(cancel.bind(id.to_string()).bind(write.now)).await? else {
            write.undo().await?;
            return Err(StoreError::Conflict);
        };
        write.commit().await?;
        Fields(&row).word("status", TaskStatus::from_word)
    }
}

/// How often a task is begun at most, unless somebody says otherwise.
const ATTEMPTS: u32 = 8;

/// Creates a task within the write that causes it.
pub(crate) async fn create(write: &mut Write, task: &NewTask) -> Result<Option<TaskId>, StoreError> {
    let id = TaskId::generate();
    let tagged = serde_json::to_value(&task.payload).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let insert = sqlx::query(
        "INSERT INTO tasks (id, kind, payload, unique_key, run_at, max_attempts, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND status IN ('queued', 'running') DO NOTHING",
    )
    .bind(id.to_string())
    .bind(task.payload.kind())
    .bind(json(&tagged.get("payload"))?)
    .bind(task.key.as_deref())
    .bind(write.now.saturating_add(millis(task.after)))
    .bind(i64::from(task.max_attempts))
    .bind(write.now);
    Ok((write.run(insert).await? > 0).then_some(id))
}

/// Creates a task within the write that causes it; where one with its key is unfinished, has that one begun again, now or after what it
/// does now.
pub(crate) async fn create_or_wake(write: &mut Write, task: &NewTask) -> Result<(), StoreError> {
    if create(write, task).await?.is_some() {
        return Ok(());
    }
    // Whoever has it in hand sees that it was woken by its being due at another moment: see `again`.
    let wake = sqlx::query(
        "UPDATE tasks SET run_at = CASE WHEN run_at <= $2 THEN run_at - 1 ELSE $2 END, job_sent_at = NULL
         WHERE unique_key = $1 AND status IN ('queued', 'running')",
    );
    write.run(wake.bind(task.key.as_deref()).bind(write.now)).await.map(drop)
}

fn record(row: &AnyRow) -> Result<TaskRecord, StoreError> {
    let fields = Fields(row);
    let value = |column| match fields.get::<Option<String>>(column)? {
        Some(_) => fields.json(column).map(Some),
        None => Ok(None),
    };
    Ok(TaskRecord {
        id: fields.parsed("id")?,
        kind: fields.get("kind")?,
        status: fields.word("status", TaskStatus::from_word)?,
        run_at: fields.time("run_at")?,
        attempt: fields.times("attempt")?,
        owner: fields.get("lease_owner")?,
        progress: value("progress")?,
        outcome: value("outcome")?,
        error: fields.get("error")?,
        created_at: fields.time("created_at")?,
        started_at: fields.time_option("started_at")?,
        finished_at: fields.time_option("finished_at")?,
    })
}
