//! Webhook deliveries, and what each of them started.

use std::collections::BTreeMap;

use contract::{CommitSha, PipelineId, RepoName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Intake, StoreError,
    db::fields::{Fields, text},
    intake::batch::Asked,
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
    /// The W3C trace context of the request that asks for it.
    pub traceparent: Option<String>,
    /// Whether a person asked for it: then it is created even if the commit's notebook has a pipeline already,
    /// and no push supersedes it.
    pub manual: bool,
}

/// A pipeline that a delivery stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl Intake {
    /// Accepts a delivery with the pipelines it asks for, whole or not at all. A notebook of a commit gets one
    /// pipeline, however many deliveries ask; a new one cancels the older pushes of the same notebook on the same
    /// branch that are still queued. New pipelines are listed by [`Intake::unsent_jobs`] until they are marked as sent.
    /// Deliveries that arrive at the same time share a transaction.
    pub async fn accept_delivery(
        &self,
        delivery: NewDelivery<'_>,
        pipelines: Vec<NewPipeline>,
    ) -> Result<Accepted, StoreError> {
        let pipelines = pipelines
            .into_iter()
            .map(|pipeline| NewPipeline { delivery_id: Some(delivery.delivery_id.to_owned()), ..pipeline })
            .collect();
        self.way_in.accept(Asked { delivery: Some(delivery.into()), pipelines }).await
    }

    /// The pipelines of a delivery that was accepted; none where it was not.
    pub async fn delivered(&self, delivery_id: &str) -> Result<Vec<PipelineRef>, StoreError> {
        let query = sqlx::query("SELECT pipelines FROM deliveries WHERE delivery_id = $1").bind(text(delivery_id));
        let row = self.database.optional(query).await?;
        row.map_or(Ok(Vec::new()), |row| Fields(&row).json("pipelines"))
    }

    /// Creates a pipeline without a delivery. One that is not manual and exists already is answered as it is.
    pub async fn create_pipeline(&self, pipeline: NewPipeline) -> Result<PipelineId, StoreError> {
        let (Accepted::New(made) | Accepted::Repeated(made)) =
            self.way_in.accept(Asked { delivery: None, pipelines: vec![pipeline] }).await?;
        made.first().map(|made| made.id).ok_or(StoreError::NotFound)
    }
}
