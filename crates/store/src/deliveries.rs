//! Webhook deliveries, and what each of them started.

use std::collections::BTreeMap;

use contract::{CommitSha, Phase, PipelineId, RepoName};
use serde_json::Value;

use crate::{
    Store, StoreError,
    database::Write,
    fields::{Fields, json, now},
};

/// A webhook delivery.
#[derive(Debug, Clone, Copy)]
pub struct NewDelivery<'a> {
    /// The code host's identifier of the delivery; a redelivery has the same.
    pub delivery_id: &'a str,
    /// The event's name.
    pub event: &'a str,
    /// The repository it is about.
    pub repo: Option<&'a RepoName>,
    /// SHA-256 of the body, in hex.
    pub body_sha256: &'a str,
}

/// A pipeline to create.
#[derive(Debug, Clone)]
pub struct NewPipeline {
    /// The repository.
    pub repo: RepoName,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit to run at.
    pub commit_sha: CommitSha,
    /// The notebook's path in the repository.
    pub notebook_path: String,
    /// Parameters for this run.
    pub parameters: BTreeMap<String, Value>,
    /// The delivery that asks for it.
    pub delivery_id: Option<String>,
    /// Whether a person asked for it: then it is created even if the commit's notebook has a pipeline already,
    /// and no push supersedes it.
    pub manual: bool,
}

/// A pipeline that a delivery stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineRef {
    /// The pipeline.
    pub id: PipelineId,
    /// Its notebook.
    pub notebook_path: String,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It was new. Its pipelines, among them those that an earlier delivery of the same commit created.
    New(Vec<PipelineRef>),
    /// It had been accepted before, with these pipelines.
    Repeated(Vec<PipelineRef>),
}

impl Store {
    /// Accepts a delivery with the pipelines it asks for, whole or not at all. A notebook of a commit gets one
    /// pipeline, however many deliveries ask; a new one cancels the older pushes of the same notebook on the same
    /// branch that are still queued. New pipelines are listed by [`Store::unsent_jobs`] until they are marked as sent.
    pub async fn accept_delivery(
        &self,
        delivery: NewDelivery<'_>,
        pipelines: Vec<NewPipeline>,
    ) -> Result<Accepted, StoreError> {
        let mut write = self.write().await?;
        let inserted = sqlx::query(
            "INSERT INTO deliveries (delivery_id, event, repo, body_sha256, received_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (delivery_id) DO NOTHING",
        )
        .bind(delivery.delivery_id)
        .bind(delivery.event)
        .bind(delivery.repo.map(RepoName::as_str))
        .bind(delivery.body_sha256)
        .bind(now())
        .execute(&mut *write)
        .await?
        .rows_affected();
        if inserted == 0 {
            return Ok(Accepted::Repeated(delivered(&mut write, delivery.delivery_id).await?));
        }
        for pipeline in pipelines {
            let pipeline = NewPipeline { delivery_id: Some(delivery.delivery_id.to_owned()), ..pipeline };
            let id = create(&mut write, &pipeline).await?;
            sqlx::query(
                "INSERT INTO delivery_pipelines (delivery_id, pipeline_id) VALUES ($1, $2)
                 ON CONFLICT (delivery_id, pipeline_id) DO NOTHING",
            )
            .bind(delivery.delivery_id)
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        }
        let accepted = delivered(&mut write, delivery.delivery_id).await?;
        write.commit().await?;
        Ok(Accepted::New(accepted))
    }

    /// Creates a pipeline without a delivery. One that is not manual and exists already is answered as it is.
    pub async fn create_pipeline(&self, pipeline: NewPipeline) -> Result<PipelineId, StoreError> {
        let mut write = self.write().await?;
        let id = create(&mut write, &pipeline).await?;
        write.commit().await?;
        Ok(id)
    }
}

/// The pipelines of a delivery, in the order of their creation.
async fn delivered(write: &mut Write, delivery_id: &str) -> Result<Vec<PipelineRef>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.notebook_path FROM delivery_pipelines d JOIN pipelines p ON p.id = d.pipeline_id
         WHERE d.delivery_id = $1 ORDER BY p.id",
    )
    .bind(delivery_id)
    .fetch_all(&mut **write)
    .await?;
    rows.iter()
        .map(|row| Ok(PipelineRef { id: Fields(row).parsed("id")?, notebook_path: Fields(row).get("notebook_path")? }))
        .collect()
}

/// Creates the pipeline, or finds the one that a push of the same commit created.
async fn create(write: &mut Write, pipeline: &NewPipeline) -> Result<PipelineId, StoreError> {
    // Generated while this is the only writer: the order of identifiers is the order of commits.
    let id = PipelineId::generate();
    let inserted = sqlx::query(
        "INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, delivery_id, manual, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (repo, commit_sha, notebook_path) WHERE manual = 0 DO NOTHING",
    )
    .bind(id.to_string())
    .bind(pipeline.repo.as_str())
    .bind(&pipeline.branch)
    .bind(pipeline.commit_sha.as_str())
    .bind(&pipeline.notebook_path)
    .bind(json(&pipeline.parameters)?)
    .bind(&pipeline.delivery_id)
    .bind(i64::from(pipeline.manual))
    .bind(now())
    .execute(&mut **write)
    .await?
    .rows_affected();
    if inserted == 0 {
        let row = sqlx::query(
            "SELECT id FROM pipelines WHERE repo = $1 AND commit_sha = $2 AND notebook_path = $3 AND manual = 0",
        )
        .bind(pipeline.repo.as_str())
        .bind(pipeline.commit_sha.as_str())
        .bind(&pipeline.notebook_path)
        .fetch_one(&mut **write)
        .await?;
        return Fields(&row).parsed("id");
    }
    for phase in Phase::ALL {
        sqlx::query("INSERT INTO phases (pipeline_id, phase) VALUES ($1, $2)")
            .bind(id.to_string())
            .bind(phase.as_str())
            .execute(&mut **write)
            .await?;
    }
    if !pipeline.manual {
        supersede(write, pipeline, id).await?;
    }
    Ok(id)
}

/// Cancels the older pushes of the notebook on its branch that no worker has taken yet.
async fn supersede(write: &mut Write, pipeline: &NewPipeline, by: PipelineId) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "UPDATE pipelines SET status = 'cancelled', reason = $4, finished_at = $5
         WHERE repo = $1 AND branch = $2 AND notebook_path = $3 AND status = 'queued' AND manual = 0 AND id < $6
         RETURNING id",
    )
    .bind(pipeline.repo.as_str())
    .bind(&pipeline.branch)
    .bind(&pipeline.notebook_path)
    .bind(format!("superseded by the newer push of {}", pipeline.commit_sha.short()))
    .bind(now())
    .bind(by.to_string())
    .fetch_all(&mut **write)
    .await?;
    for row in &rows {
        crate::phases::close(write, Fields(row).parsed("id")?).await?;
    }
    Ok(())
}
