//! Which tasks are due and wait for a worker, and whether the queue was told.

use contract::{TaskId, TaskPayload};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use crate::{
    StoreError, Tasks,
    db::fields::{Fields, json},
};

/// A task whose job is to be sent, and the number of its last lease: a worker may have begun it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TaskJob {
    /// The task.
    pub id: TaskId,
    /// Whether it scores rows, or writes them.
    pub batch: bool,
    token: i64,
}

/// What is due at the moment `now` and in nobody's hands.
fn due(now: &str) -> String {
    format!("status IN ('queued', 'running') AND run_at <= {now} AND (lease_owner IS NULL OR lease_expires_at <= {now})")
}

impl Tasks {
    /// Tasks that are due and of which the queue was not told, those first whose time came first.
    pub async fn unsent_jobs(&self, limit: usize) -> Result<Vec<TaskJob>, StoreError> {
        let sql = format!(
            "SELECT id, kind, lease_token FROM tasks WHERE {} AND job_sent_at IS NULL ORDER BY run_at, id LIMIT $1",
            due(self.database.dialect.clock())
        );
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind((limit as u64).cast_signed())).await?;
        rows.iter()
            .map(|row| {
                let fields = Fields(row);
                let batch = TaskPayload::BATCH_KINDS.contains(&&*fields.get::<String>("kind")?);
                Ok(TaskJob { id: fields.parsed("id")?, batch, token: fields.get("lease_token")? })
            })
            .collect()
    }

    /// Notes that these jobs were handed to the queue. Of a task that a worker has begun since, nothing is noted.
    pub async fn mark_sent(&self, jobs: &[TaskJob]) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        let sql = format!(
            "UPDATE tasks SET job_sent_at = $2 WHERE EXISTS (
                 SELECT 1 FROM {} WHERE n.id = tasks.id AND n.token = tasks.lease_token)
             AND {}",
            write.dialect.rows("$1", &[("id", "TEXT"), ("token", "BIGINT")]),
            write.dialect.among("id", "$3"),
        );
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        let mark = sqlx::query(AssertSqlSafe(sql)).bind(json(&jobs)?).bind(write.now).bind(json(&ids)?);
        write.run(mark).await?;
        write.commit().await
    }

    /// How many tasks are due and in nobody's hands, of those that score or write rows, or of the others.
    pub async fn due(&self, batch: bool) -> Result<u64, StoreError> {
        let (dialect, not) = (self.database.dialect, if batch { "" } else { "NOT " });
        let sql = format!(
            "SELECT COUNT(*) AS due FROM tasks WHERE {} AND {not}{}",
            due(dialect.clock()),
            dialect.among("kind", "$1")
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(json(&TaskPayload::BATCH_KINDS)?);
        let row = self.database.optional(query).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("due")
    }

    /// Forgets that the queue was told of the tasks that wait for a worker: it may have lost its jobs.
    pub async fn resend_all(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let sql = format!("UPDATE tasks SET job_sent_at = NULL WHERE {}", due("$1"));
        write.run(sqlx::query(AssertSqlSafe(sql)).bind(write.now)).await?;
        write.commit().await
    }
}
