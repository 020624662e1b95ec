//! Pipelines: what they are, how far they are, and which of them wait for a worker.

use std::{collections::BTreeMap, time::Duration};

use contract::{ModelName, Phase, PhaseRecord, PhaseStatus, PipelineId, PipelineRecord, PipelineStatus, RepoName};
use sqlx::any::AnyRow;

use crate::{
    Lease, Store, StoreError,
    fields::{self, Fields, millis, now},
    phases,
};

/// After how long a job that nobody took is sent again.
const RESEND: Duration = Duration::from_secs(30);

/// Which pipelines to list. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of this repository.
    pub repo: Option<RepoName>,
    /// Those in this status.
    pub status: Option<PipelineStatus>,
    /// Those that make this model.
    pub model: Option<ModelName>,
    /// Those of this branch.
    pub branch: Option<String>,
    /// At most how many.
    pub limit: usize,
    /// Those older than this one.
    pub after: Option<PipelineId>,
}

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
}

/// A pipeline's five rows: each phase beside the pipeline it belongs to, all of one moment.
macro_rules! select_pipelines {
    ($from:literal) => {
        concat!(
            "SELECT p.id, p.repo, p.branch, p.commit_sha, p.notebook_path, p.model_name, p.declared_version, p.registry_version,
                 p.status, p.deployed, p.reason, p.metrics, p.parameters, p.mlflow_run_id, p.created_at, p.started_at,
                 p.finished_at, ph.phase, ph.status AS phase_status, ph.started_at AS phase_started_at,
                 ph.finished_at AS phase_finished_at, ph.attempt, ph.error
             FROM ",
            $from,
            " p JOIN phases ph ON ph.pipeline_id = p.id ORDER BY p.id DESC"
        )
    };
}

impl Store {
    /// A pipeline. [`StoreError::NotFound`] if there is none.
    pub async fn pipeline(&self, id: PipelineId) -> Result<PipelineRecord, StoreError> {
        let rows = sqlx::query(select_pipelines!("(SELECT * FROM pipelines WHERE id = $1)"))
            .bind(id.to_string())
            .fetch_all(self.reader())
            .await?;
        pipelines(&rows)?.pop().ok_or(StoreError::NotFound)
    }

    /// Pipelines, newest first, and where to go on if there are more: the next [`Filter::after`].
    pub async fn pipelines(&self, filter: Filter) -> Result<(Vec<PipelineRecord>, Option<PipelineId>), StoreError> {
        let rows = sqlx::query(select_pipelines!(
            "(SELECT * FROM pipelines WHERE (CAST($1 AS TEXT) IS NULL OR repo = $1)
                AND (CAST($2 AS TEXT) IS NULL OR status = $2) AND (CAST($3 AS TEXT) IS NULL OR model_name = $3)
                AND (CAST($4 AS TEXT) IS NULL OR branch = $4) AND (CAST($5 AS TEXT) IS NULL OR id < $5)
              ORDER BY id DESC LIMIT $6)"
        ))
        .bind(filter.repo.as_ref().map(RepoName::as_str))
        .bind(filter.status.map(PipelineStatus::as_str))
        .bind(filter.model.as_ref().map(ModelName::as_str))
        .bind(filter.branch)
        .bind(filter.after.map(|id| id.to_string()))
        .bind((filter.limit as u64).saturating_add(1).cast_signed())
        .fetch_all(self.reader())
        .await?;
        let mut found = pipelines(&rows)?;
        let more = found.len() > filter.limit;
        found.truncate(filter.limit);
        let next = found.last().map(|last| last.id).filter(|_| more);
        Ok((found, next))
    }

    /// Pipelines whose job should be sent, oldest first: queued ones never sent or not taken for 30 seconds, and
    /// running ones that lost their worker.
    pub async fn unsent_jobs(&self, limit: usize) -> Result<Vec<PipelineId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM pipelines WHERE (status = 'queued' AND (job_sent_at IS NULL OR job_sent_at <= $2))
                 OR (status = 'running' AND (lease_owner IS NULL OR lease_expires_at <= $1)
                     AND (job_sent_at IS NULL OR job_sent_at <= $2 OR job_sent_at < lease_expires_at))
             ORDER BY id LIMIT $3",
        )
        .bind(now())
        .bind(now() - millis(RESEND))
        .bind((limit as u64).cast_signed())
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|row| Fields(row).parsed("id")).collect()
    }

    /// Notes that the jobs of these pipelines were handed to the queue.
    pub async fn mark_sent(&self, ids: &[PipelineId]) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        for id in ids {
            sqlx::query("UPDATE pipelines SET job_sent_at = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(now())
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    /// Asks for a pipeline to end. A queued one is cancelled at once; of a running one, its worker hears when it
    /// renews its lease. Answers the status it has now; [`StoreError::Conflict`] if it had ended before.
    pub async fn request_cancel(&self, id: PipelineId) -> Result<PipelineStatus, StoreError> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "UPDATE pipelines SET cancel_requested = 1,
                 reason = CASE status WHEN 'queued' THEN 'cancelled before it started' ELSE reason END,
                 finished_at = CASE status WHEN 'queued' THEN $2 ELSE finished_at END,
                 status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END
             WHERE id = $1 AND status IN ('queued', 'running') RETURNING status",
        )
        .bind(id.to_string())
        .bind(now())
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else {
            drop(write);
            return Err(self.why_not(id).await);
        };
        let status = Fields(&row).word("status", PipelineStatus::from_word)?;
        if status.is_final() {
            phases::close(&mut write, id).await?;
        }
        write.commit().await?;
        Ok(status)
    }

    /// Queues a failed or cancelled pipeline again, to go on from the phase that did not succeed.
    /// [`StoreError::Conflict`] if it is neither.
    pub async fn retry(&self, id: PipelineId) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let queued = sqlx::query(
            "UPDATE pipelines SET status = 'queued', reason = NULL, finished_at = NULL, cancel_requested = 0,
                 job_sent_at = NULL, takeovers = 0
             WHERE id = $1 AND status IN ('failed', 'cancelled')",
        )
        .bind(id.to_string())
        .execute(&mut *write)
        .await?
        .rows_affected();
        if queued == 0 {
            drop(write);
            return Err(self.why_not(id).await);
        }
        phases::reopen(&mut write, id).await?;
        Ok(write.commit().await?)
    }

    /// Records what became known of a pipeline.
    pub async fn describe(&self, lease: &Lease, description: Description) -> Result<(), StoreError> {
        let mut write = self.fenced(lease).await?;
        sqlx::query(
            "UPDATE pipelines SET model_name = COALESCE($2, model_name), declared_version = COALESCE($3, declared_version),
                 registry_version = COALESCE($4, registry_version), mlflow_run_id = COALESCE($5, mlflow_run_id),
                 metrics = COALESCE($6, metrics)
             WHERE id = $1",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(description.model_name.as_ref().map(ModelName::as_str))
        .bind(description.declared_version)
        .bind(description.registry_version.map(u64::cast_signed))
        .bind(description.mlflow_run_id)
        .bind(description.metrics.as_ref().map(fields::metrics).transpose()?)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Ends a pipeline and its lease: phases still pending are skipped. Whatever is written with the lease
    /// afterwards bounces, the log too.
    pub async fn finish_pipeline(
        &self,
        lease: &Lease,
        status: PipelineStatus,
        deployed: bool,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut write = self.fenced(lease).await?;
        sqlx::query(
            "UPDATE pipelines SET status = $2, deployed = $3, reason = $4, finished_at = $5, lease_owner = NULL,
                 lease_expires_at = NULL
             WHERE id = $1",
        )
        .bind(lease.pipeline_id.to_string())
        .bind(status.as_str())
        .bind(i64::from(deployed))
        .bind(reason)
        .bind(now())
        .execute(&mut *write)
        .await?;
        phases::close(&mut write, lease.pipeline_id).await?;
        Ok(write.commit().await?)
    }

    /// Why a change found no pipeline in the state it needs.
    async fn why_not(&self, id: PipelineId) -> StoreError {
        self.pipeline(id).await.map_or_else(|error| error, |_| StoreError::Conflict)
    }
}

/// Pipelines from the rows of their phases, which come together for each pipeline.
fn pipelines(rows: &[AnyRow]) -> Result<Vec<PipelineRecord>, StoreError> {
    let mut found: Vec<PipelineRecord> = Vec::new();
    for row in rows {
        let id: PipelineId = Fields(row).parsed("id")?;
        if found.last().is_none_or(|last| last.id != id) {
            found.push(pipeline(row, id)?);
        }
        if let Some(last) = found.last_mut() {
            last.phases.push(phase(row)?);
            last.phases.sort_by_key(|phase| phase.name);
        }
    }
    Ok(found)
}

fn pipeline(row: &AnyRow, id: PipelineId) -> Result<PipelineRecord, StoreError> {
    let fields = Fields(row);
    Ok(PipelineRecord {
        id,
        repo: fields.parsed("repo")?,
        branch: fields.get("branch")?,
        commit_sha: fields.parsed("commit_sha")?,
        notebook_path: fields.get("notebook_path")?,
        model_name: fields.parsed_option("model_name")?,
        declared_version: fields.get("declared_version")?,
        registry_version: fields.get::<Option<i64>>("registry_version")?.map(i64::cast_unsigned),
        status: fields.word("status", PipelineStatus::from_word)?,
        deployed: fields.flag("deployed")?,
        reason: fields.get("reason")?,
        phases: Vec::with_capacity(Phase::ALL.len()),
        metrics: fields.metrics("metrics")?,
        parameters: fields.json("parameters")?,
        mlflow_run_id: fields.get("mlflow_run_id")?,
        created_at: fields.time("created_at")?,
        started_at: fields.time_option("started_at")?,
        finished_at: fields.time_option("finished_at")?,
    })
}

fn phase(row: &AnyRow) -> Result<PhaseRecord, StoreError> {
    let fields = Fields(row);
    Ok(PhaseRecord {
        name: fields.word("phase", Phase::from_word)?,
        status: fields.word("phase_status", PhaseStatus::from_word)?,
        started_at: fields.time_option("phase_started_at")?,
        finished_at: fields.time_option("phase_finished_at")?,
        attempt: fields.times("attempt")?,
        error: fields.get("error")?,
    })
}
