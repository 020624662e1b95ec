//! Ended pipelines, their logs and notebooks.

use contract::{Leftovers, PipelineId, PipelineStatus, TaskPayload};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{
    Retention,
    ages::LOG_BYTES,
    kept::{ONE, may_go},
    kept_deployments,
};
use crate::{
    NewTask, StoreError,
    db::dialect::Dialect,
    db::fields::{Fields, json},
    tasks,
};

/// A place in the order in which pipelines ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) ended: i64,
    pub(super) id: String,
}

impl Cursor {
    /// Before the first.
    pub const START: Self = Self { ended: i64::MIN, id: String::new() };
    /// After the last.
    pub(super) const END: Self = Self { ended: i64::MAX, id: String::new() };
}

/// An ended pipeline of which something may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The pipeline.
    pub id: PipelineId,
    /// When it ended.
    pub at: Timestamp,
    /// Whether it may go whole: no version that is kept came from it.
    pub whole: bool,
    /// How many rows its log and its notebook have.
    pub log_rows: u64,
    /// How many bytes.
    pub log_bytes: u64,
}

/// How many ended pipelines are looked at by one statement.
const LOOKED_AT: i64 = 500;

impl Retention {
    /// The next of the pipelines that ended before a moment and may go in part or whole, from a cursor on, and where to go
    /// on: `None` after the last. `deployments` of each model and environment are kept, and the pipelines named.
    pub async fn ended_pipelines(
        &self,
        from: &Cursor,
        before: Timestamp,
        deployments: u32,
        kept: &[PipelineId],
    ) -> Result<(Vec<Ended>, Option<Cursor>), StoreError> {
        let query = sqlx::query(AssertSqlSafe(page(self.database.dialect)))
            .bind(before.as_millisecond())
            .bind(from.ended)
            .bind(from.id.clone())
            .bind(json(&kept)?)
            .bind(kept_deployments(deployments));
        let rows = self.database.all(query).await?;
        let (mut ended, mut next) = (Vec::new(), None);
        for row in &rows {
            let fields = Fields(row);
            next = Some(Cursor { ended: fields.get("finished_at")?, id: fields.get("id")? });
            let (whole, log_rows) = (fields.flag("whole")?, fields.count("log_rows")?);
            if fields.flag("may_go")? && (whole || log_rows > 0) {
                ended.push(Ended {
                    id: fields.parsed("id")?,
                    at: fields.time("finished_at")?,
                    whole,
                    log_rows,
                    log_bytes: fields.count("log_bytes")?,
                });
            }
        }
        Ok((ended, next))
    }

    /// Removes rows of these pipelines' logs, and then their notebooks, as far as they may still go: about `limit` rows.
    /// Answers how many; 0 when nothing is left.
    pub async fn remove_logs(&self, ids: &[PipelineId], deployments: u32, limit: u32) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let mut removed = 0_u64;
        for sql in logs(write.dialect) {
            let delete = sqlx::query(AssertSqlSafe(sql))
                .bind(json(&ids)?)
                .bind(kept_deployments(deployments))
                .bind(i64::from(limit).saturating_sub(removed.cast_signed()));
            removed += write.run(delete).await?;
            if removed >= u64::from(limit) {
                break;
            }
        }
        write.commit().await?;
        Ok(removed)
    }

    /// Removes these pipelines with their phases, as far as they may still go and have no log and notebook any more.
    /// Answers how many. Their packages, and if asked for their MLflow runs, are removed by a task.
    pub async fn remove_pipelines(
        &self,
        ids: &[PipelineId],
        deployments: u32,
        mlflow_runs: bool,
    ) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let found = sqlx::query(AssertSqlSafe(going(write.dialect))).bind(json(&ids)?).bind(kept_deployments(deployments));
        let (mut removed, mut packages, mut runs) = (Vec::new(), Vec::new(), Vec::new());
        for row in write.all(found).await? {
            let fields = Fields(&row);
            let id: PipelineId = fields.parsed("id")?;
            removed.push(id);
            // One that succeeded has removed its packages itself.
            if fields.word("status", PipelineStatus::from_word)? != PipelineStatus::Succeeded {
                packages.push(id);
            }
            runs.extend(fields.get::<Option<String>>("mlflow_run_id")?.filter(|_| mlflow_runs));
        }
        for (table, column) in TABLES {
            let sql = format!("DELETE FROM {table} WHERE {}", write.dialect.among(column, "$1"));
            write.run(sqlx::query(AssertSqlSafe(sql)).bind(json(&removed)?)).await?;
        }
        if !packages.is_empty() || !runs.is_empty() {
            let payload = TaskPayload::RemoveFiles(Leftovers { packages, runs, ..Leftovers::default() });
            tasks::create(&mut write, &NewTask::soon(payload)).await?;
        }
        write.commit().await?;
        Ok(removed.len() as u64)
    }
}

/// Whether no version came from the pipeline `p`.
const UNBOUND: &str = "NOT EXISTS (SELECT 1 FROM versions v WHERE v.pipeline_id = p.id LIMIT 1 OFFSET 0)
    AND NOT EXISTS (SELECT 1 FROM deployment_history g WHERE g.pipeline_id = p.id LIMIT 1 OFFSET 0)";

/// The tables that lose a pipeline's rows with it, and by which column.
pub(super) const TABLES: [(&str, &str); 3] =
    [("phases", "pipeline_id"), ("jobs_to_send", "pipeline_id"), ("pipelines", "id")];

/// Looks at the next of those that ended before `$1`, after the cursor `$2`, `$3`.
pub(super) fn page(dialect: Dialect) -> String {
    format!(
        "SELECT p.id, p.finished_at, CASE WHEN NOT {} AND {} THEN 1 ELSE 0 END AS may_go,
             CASE WHEN {UNBOUND} THEN 1 ELSE 0 END AS whole, {LOG_BYTES} AS log_bytes,
             (SELECT COUNT(*) FROM log_chunks l WHERE l.pipeline_id = p.id)
                 + (SELECT COUNT(*) FROM notebooks k WHERE k.pipeline_id = p.id) AS log_rows
         FROM (SELECT * FROM pipelines WHERE finished_at IS NOT NULL AND finished_at < $1
             AND (finished_at, id) > ($2, $3) ORDER BY finished_at, id LIMIT {LOOKED_AT}) p
         ORDER BY p.finished_at, p.id",
        dialect.among("p.id", "$4"),
        may_go("$5"),
    )
}

/// Remove logs, and then notebooks, of the pipelines `$1`, at most `$3` rows each.
pub(super) fn logs(dialect: Dialect) -> [String; 2] {
    let of = format!("(SELECT p.id FROM pipelines p WHERE {} AND {})", dialect.among("p.id", "$1"), may_go("$2"));
    [
        format!(
            "DELETE FROM log_chunks WHERE (pipeline_id, first_seq) IN (
                 SELECT l.pipeline_id, l.first_seq FROM log_chunks l WHERE l.pipeline_id IN {of} LIMIT $3)"
        ),
        format!(
            "DELETE FROM notebooks WHERE pipeline_id IN (
                 SELECT k.pipeline_id FROM notebooks k WHERE k.pipeline_id IN {of} LIMIT $3)"
        ),
    ]
}

/// Finds those of the pipelines `$1` that may go whole, and locks them.
pub(super) fn going(dialect: Dialect) -> String {
    format!(
        "SELECT p.id, p.status, p.mlflow_run_id FROM pipelines p WHERE {} AND {} AND {UNBOUND}
             AND NOT EXISTS (SELECT 1 FROM log_chunks l WHERE l.pipeline_id = p.id {ONE})
             AND NOT EXISTS (SELECT 1 FROM notebooks k WHERE k.pipeline_id = p.id {ONE}){}",
        dialect.among("p.id", "$1"),
        may_go("$2"),
        dialect.locked(),
    )
}
