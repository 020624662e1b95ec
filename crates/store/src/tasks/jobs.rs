//! Which tasks are due and wait for a worker, and whether the queue was told.

use contract::TaskId;
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
            "SELECT id, lease_token FROM tasks WHERE {} AND job_sent_at IS NULL ORDER BY run_at, id LIMIT $1",
            due(self.database.dialect.clock())
        );
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind((limit as u64).cast_signed())).await?;
        rows.iter()
            .map(|row| Ok(TaskJob { id: Fields(row).parsed("id")?, token: Fields(row).get("lease_token")? }))
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

    /// How many tasks are due and in nobody's hands.
    pub async fn due(&self) -> Result<u64, StoreError> {
        let sql = format!("SELECT COUNT(*) AS due FROM tasks WHERE {}", due(self.database.dialect.clock()));
        let row = self.database.optional(sqlx::query(AssertSqlSafe(sql))).await?.ok_or(StoreError::NotFound)?;
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
