//! Which pipelines wait for a worker, and whether the queue was told.
//!
//! A job in the queue says that there is work; which work is decided by [`Pipelines::take_next`]. So a job too many does no
//! harm, and lost ones are made up for by [`Pipelines::resend_all`].

use contract::PipelineId;
use sqlx::AssertSqlSafe;

use crate::{
    Pipelines, StoreError,
    db::database::Write,
    db::fields::{Fields, json},
    pipelines::take,
};

/// The running ones, which are few and have an index: neither are all pipelines looked through in the order of their
/// identifiers, nor each of many looked up by its own.
const RUNNING: &str = "running AS MATERIALIZED (SELECT id, lease_expires_at, job_sent_at FROM pipelines
    WHERE status = 'running' AND lease_owner IS NOT NULL)";

impl Pipelines {
    /// Pipelines whose job should be sent, oldest first: those that wait for a worker and of which the queue was not
    /// told, and running ones whose lease ran out since it was.
    pub async fn unsent_jobs(&self, limit: usize) -> Result<Vec<PipelineId>, StoreError> {
        let sql = format!(
            "WITH {RUNNING} SELECT id FROM (SELECT pipeline_id AS id FROM jobs_to_send ORDER BY pipeline_id LIMIT $1) a
             UNION SELECT id FROM running WHERE lease_expires_at <= {} AND (job_sent_at IS NULL OR job_sent_at < lease_expires_at)
             ORDER BY id LIMIT $1",
            self.database.dialect.clock()
        );
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind((limit as u64).cast_signed())).await?;
        rows.iter().map(|row| Fields(row).parsed("id")).collect()
    }

    /// Notes that the jobs of these pipelines were handed to the queue.
    pub async fn mark_sent(&self, ids: &[PipelineId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        unneeded(&mut write, ids).await?;
        let running = format!(
            "WITH {RUNNING} UPDATE pipelines SET job_sent_at = $2
             WHERE id IN (SELECT id FROM running WHERE {}) AND status = 'running' AND lease_owner IS NOT NULL",
            write.dialect.among("id", "$1")
        );
        write.run(sqlx::query(AssertSqlSafe(running)).bind(json(&ids)?).bind(write.now)).await?;
        write.commit().await
    }

    /// How many pipelines workers could take now, all at once.
    pub async fn takeable(&self) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) AS takeable FROM (SELECT DISTINCT w.repo, w.branch, w.notebook_path FROM ({}) w) t",
            take::waiting(self.database.dialect.clock())
        );
        let row = self.database.optional(sqlx::query(AssertSqlSafe(sql))).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("takeable")
    }

    /// Forgets that the queue was told of the pipelines that wait for a worker: it may have lost its jobs.
    pub async fn resend_all(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        resend_all(&mut write).await?;
        write.commit().await
    }
}

/// The jobs of all pipelines that nobody holds are to be sent.
pub(crate) async fn resend_all(write: &mut Write) -> Result<(), StoreError> {
    let resend = sqlx::query(
        "INSERT INTO jobs_to_send (pipeline_id)
         SELECT id FROM pipelines
         WHERE status IN ('queued', 'running') AND (lease_owner IS NULL OR lease_expires_at <= $1)
         ON CONFLICT (pipeline_id) DO NOTHING",
    );
    write.run(resend.bind(write.now)).await?;
    Ok(())
}

/// A pipeline's job is to be sent.
pub(crate) async fn needed(write: &mut Write, id: PipelineId) -> Result<(), StoreError> {
    let needed = sqlx::query("INSERT INTO jobs_to_send (pipeline_id) VALUES ($1) ON CONFLICT (pipeline_id) DO NOTHING");
    write.run(needed.bind(id.to_string())).await?;
    Ok(())
}

/// The jobs of those that waited for this pipeline to end are to be sent: the queue may have been told of them when
/// they could not be taken.
pub(crate) async fn next_needed(write: &mut Write, ended: PipelineId) -> Result<(), StoreError> {
    let needed = sqlx::query(
        "INSERT INTO jobs_to_send (pipeline_id)
         SELECT n.id FROM pipelines e JOIN pipelines n ON n.repo = e.repo AND n.branch = e.branch
             AND n.notebook_path = e.notebook_path AND n.status IN ('queued', 'running') AND n.status = 'queued'
         WHERE e.id = $1
         ON CONFLICT (pipeline_id) DO NOTHING",
    );
    write.run(needed.bind(ended.to_string())).await?;
    Ok(())
}

/// The jobs of these pipelines need not be sent any more.
pub(crate) async fn unneeded(write: &mut Write, ids: &[PipelineId]) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM jobs_to_send WHERE {}", write.dialect.among("pipeline_id", "$1"));
    write.run(sqlx::query(AssertSqlSafe(sql)).bind(json(&ids)?)).await?;
    Ok(())
}
