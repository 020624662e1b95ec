//! What is deployed where.

use std::collections::BTreeMap;

use contract::{Environment, ModelName, PipelineId};
use jiff::Timestamp;

use crate::{
    Lease, Store, StoreError,
    fields::{Fields, json},
};

/// A model's current version in an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The model.
    pub model: ModelName,
    /// Where it is deployed.
    pub environment: Environment,
    /// The registry version.
    pub version: u64,
    /// The pipeline that deployed it.
    pub pipeline_id: PipelineId,
    /// The folder that holds the version's files.
    pub uri: String,
    /// SHA-256 of that folder's `metadata.json`, in hex.
    pub sha256: String,
    /// The metrics its gates read; `None` for what is no number in JSON.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// When it was swapped in.
    pub deployed_at: Timestamp,
}

impl Store {
    /// The current deployment of a model in an environment.
    pub async fn deployment(&self, model: &ModelName, environment: &Environment) -> Result<Option<Deployment>, StoreError> {
        let row = sqlx::query(
            "SELECT version, pipeline_id, uri, sha256, metrics, deployed_at FROM deployments
             WHERE model_name = $1 AND environment = $2",
        )
        .bind(model.as_str())
        .bind(environment.as_str())
        .fetch_optional(self.reader())
        .await?;
        row.map(|row| {
            let fields = Fields(&row);
            Ok(Deployment {
                model: model.clone(),
                environment: environment.clone(),
                version: fields.count("version")?,
                pipeline_id: fields.parsed("pipeline_id")?,
                uri: fields.get("uri")?,
                sha256: fields.get("sha256")?,
                metrics: fields.metrics("metrics")?,
                deployed_at: fields.time("deployed_at")?,
            })
        })
        .transpose()
    }

    /// Makes a deployment the current one. `false`, and nothing changes, if the current one comes from a pipeline
    /// created later: deploys never go backwards.
    pub async fn record_deployment(&self, lease: &Lease, deployment: Deployment) -> Result<bool, StoreError> {
        let mut write = self.fenced(lease).await?;
        let changed = sqlx::query(
            "INSERT INTO deployments (model_name, environment, version, pipeline_id, uri, sha256, metrics, deployed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (model_name, environment) DO UPDATE SET version = excluded.version,
                 pipeline_id = excluded.pipeline_id, uri = excluded.uri, sha256 = excluded.sha256,
                 metrics = excluded.metrics, deployed_at = excluded.deployed_at
             WHERE deployments.pipeline_id <= excluded.pipeline_id",
        )
        .bind(deployment.model.as_str())
        .bind(deployment.environment.as_str())
        .bind(deployment.version.cast_signed())
        .bind(deployment.pipeline_id.to_string())
        .bind(&deployment.uri)
        .bind(&deployment.sha256)
        .bind(json(&deployment.metrics)?)
        .bind(deployment.deployed_at.as_millisecond())
        .execute(&mut *write)
        .await?
        .rows_affected();
        write.commit().await?;
        Ok(changed == 1)
    }
}
