//! Pipelines: what they are, and how far they are.

use std::collections::BTreeMap;

use contract::{DataRead, ModelName, Phase, PipelineId, PipelineRecord, PipelineStatus};
use sqlx::{AssertSqlSafe, any::AnyRow};

use crate::{
    Lease, Pipelines, StoreError,
    db::dialect::Dialect,
    db::fields::{self, Fields},
    pipelines::jobs,
    pipelines::leases::fenced,
    pipelines::phases,
};

/// What became known of a pipeline. `None` leaves what is known.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// The model's name.
    pub model_name: Option<ModelName>,
    /// The notebook's label for the version.
    pub declared_version: Option<String>,
    /// The registry version.
    pub registry_version: Option<u64>,
    /// The MLflow run.
    pub mlflow_run_id: Option<String>,
    /// All metrics that the gates may read.
    pub metrics: Option<BTreeMap<String, f64>>,
    /// What its notebook read.
    pub reads: Option<Vec<DataRead>>,
}

/// Pipelines beside their phases, all of one moment: a row for each phase that has one, or one without any.
pub(super) fn select(dialect: Dialect, from: &str) -> String {
    format!(
        "SELECT p.id, p.repo, p.branch, p.commit_sha, p.notebook_path, p.model_name, p.declared_version, p.registry_version,
             p.status, p.deployed, p.reason, p.metrics, p.parameters, p.mlflow_run_id, p.created_at, p.started_at,
             p.finished_at, ph.phase, ph.status AS phase_status, ph.started_at AS phase_started_at,
             ph.finished_at AS phase_finished_at, ph.attempt, ph.error
         FROM ({from}) p {} ORDER BY p.id DESC",
        with_phases(dialect, "1 = 1")
    )
}

/// Joins to each pipeline `p` those of its phases `ph` of which a condition is true. PostgreSQL hears how few they are: else it
/// may take them to be so many that it would rather read all phases of all pipelines.
pub(super) fn with_phases(dialect: Dialect, condition: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("LEFT JOIN phases ph ON ph.pipeline_id = p.id AND {condition}"),
        Dialect::Postgres => format!(
            "LEFT JOIN LATERAL (SELECT * FROM phases WHERE pipeline_id = p.id LIMIT {}) ph ON {condition}",
            Phase::ALL.len()
        ),
    }
}

impl Pipelines {
    /// A pipeline. [`StoreError::NotFound`] if there is none.
    pub async fn pipeline(&self, id: PipelineId) -> Result<PipelineRecord, StoreError> {
        let query = sqlx::query(AssertSqlSafe(select(self.database.dialect, "SELECT * FROM pipelines WHERE id = $1")));
        let rows = self.database.all(query.bind(id.to_string())).await?;
        pipelines(&rows)?.pop().ok_or(StoreError::NotFound)
    }

    /// The W3C trace context of the delivery that asked for a pipeline. [`StoreError::NotFound`] if there is no such
    /// pipeline.
    pub async fn pipeline_traceparent(&self, id: PipelineId) -> Result<Option<String>, StoreError> {
        let query = sqlx::query("SELECT traceparent FROM pipelines WHERE id = $1");
        let row = self.database.optional(query.bind(id.to_string())).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).get("traceparent")
    }

    /// Asks for a pipeline to end. A queued one is cancelled at once; of a running one, its worker hears when it
    /// renews its lease. Answers the status it has now; [`StoreError::Conflict`] if it had ended before.
    pub async fn request_cancel(&self, id: PipelineId) -> Result<PipelineStatus, StoreError> {
        let mut write = self.database.write().await?;
        let cancel = sqlx::query(
            "UPDATE pipelines SET cancel_requested = 1,
                 reason = CASE status WHEN 'queued' THEN 'cancelled before it started' ELSE reason END,
                 finished_at = CASE status WHEN 'queued' THEN $2 ELSE finished_at END,
                 status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END
             WHERE id = $1 AND status IN ('queued', 'running') RETURNING status",
        );
        let Some(row) = write.optional(cancel.bind(id.to_string()).bind(write.now)).await? else {
            write.undo().await?;
            return Err(self.why_not(id).await);
        };
        let status = Fields(&row).word("status", PipelineStatus::from_word)?;
        if status.is_final() {
            jobs::unneeded(&mut write, &[id]).await?;
        }
        write.commit().await?;
        Ok(status)
    }

    /// Queues a failed or cancelled pipeline again, to go on from the phase that did not succeed.
    /// [`StoreError::Conflict`] if it is neither.
    pub async fn retry(&self, id: PipelineId) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let queue = sqlx::query(
            "UPDATE pipelines SET status = 'queued', reason = NULL, finished_at = NULL, cancel_requested = 0, takeovers = 0
             WHERE id = $1 AND status IN ('failed', 'cancelled')",
        );
        if write.run(queue.bind(id.to_string())).await? == 0 {
            write.undo().await?;
            return Err(self.why_not(id).await);
        }
        phases::reopen(&mut write, id).await?;
        jobs::needed(&mut write, id).await?;
        write.commit().await
    }

    /// Records what became known of a pipeline.
    pub async fn describe(&self, lease: &Lease, description: Description) -> Result<(), StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let describe = sqlx::query(
            "UPDATE pipelines SET model_name = COALESCE($2, model_name), declared_version = COALESCE($3, declared_version),
                 registry_version = COALESCE($4, registry_version), mlflow_run_id = COALESCE($5, mlflow_run_id),
                 metrics = COALESCE($6, metrics), reads = COALESCE($7, reads)
             WHERE id = $1",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(description.model_name.as_ref().map(ModelName::as_str))
        .bind(description.declared_version.as_deref().map(fields::text))
        .bind(description.registry_version.map(u64::cast_signed))
        .bind(description.mlflow_run_id)
        .bind(description.metrics.as_ref().map(fields::metrics).transpose()?)
        .bind(description.reads.as_ref().map(fields::json).transpose()?);
        write.run(describe).await?;
        write.commit().await
    }

    /// Ends a pipeline and its lease: phases still pending are skipped. Whatever is written with the lease
    /// afterwards bounces, the log too. The next pipelines of the notebook on its branch may be taken from now on, and
    /// their jobs are to be sent again.
    pub async fn finish_pipeline(
        &self,
        lease: &Lease,
        status: PipelineStatus,
        deployed: bool,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let finish = sqlx::query(
            "UPDATE pipelines SET status = $2, deployed = $3, reason = $4, finished_at = $5, lease_owner = NULL,
                 lease_expires_at = NULL
             WHERE id = $1",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(status.as_str())
        .bind(i64::from(deployed))
        .bind(reason.map(fields::text))
        .bind(write.now);
        write.run(finish).await?;
        phases::close(&mut write, lease.pipeline_id).await?;
        jobs::next_needed(&mut write, lease.pipeline_id).await?;
        write.commit().await
    }

    /// Why a change found no pipeline in the state it needs.
    async fn why_not(&self, id: PipelineId) -> StoreError {
        self.pipeline(id).await.map_or_else(|error| error, |_| StoreError::Conflict)
    }
}

/// Pipelines from the rows of their phases, which come together for each pipeline.
pub(super) fn pipelines(rows: &[AnyRow]) -> Result<Vec<PipelineRecord>, StoreError> {
    let mut found: Vec<PipelineRecord> = Vec::new();
    for row in rows {
        let id: PipelineId = Fields(row).parsed("id")?;
        if found.last().is_none_or(|last| last.id != id) {
            found.push(pipeline(row, id)?);
        }
        if let Some(last) = found.last_mut()
            && let Some(known) = phases::record(row, last.status.is_final())?
            && let Some(phase) = last.phases.iter_mut().find(|phase| phase.name == known.name)
        {
            *phase = known;
        }
    }
    Ok(found)
}

fn pipeline(row: &AnyRow, id: PipelineId) -> Result<PipelineRecord, StoreError> {
    let fields = Fields(row);
    let status = fields.word("status", PipelineStatus::from_word)?;
    Ok(PipelineRecord {
        id,
        repo: fields.parsed("repo")?,
        branch: fields.get("branch")?,
        commit_sha: fields.parsed("commit_sha")?,
        notebook_path: fields.get("notebook_path")?,
        model_name: fields.parsed_option("model_name")?,
        declared_version: fields.get("declared_version")?,
        registry_version: fields.get::<Option<i64>>("registry_version")?.map(i64::cast_unsigned),
        status,
        deployed: fields.flag("deployed")?,
        reason: fields.get("reason")?,
        phases: Phase::ALL.iter().map(|phase| phases::unstarted(*phase, status.is_final())).collect(),
        metrics: fields.metrics("metrics")?,
        parameters: fields.json("parameters")?,
        mlflow_run_id: fields.get("mlflow_run_id")?,
        created_at: fields.time("created_at")?,
        started_at: fields.time_option("started_at")?,
        finished_at: fields.time_option("finished_at")?,
    })
}
