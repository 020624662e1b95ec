//! What requests about batch predictions carry, and what they are answered.

use contract::{BatchId, BatchStatus, Environment, ModelName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::Batch;
use tables::{BatchRequest, OnReject, OutputNames, Spec, WriteDisposition};
use utoipa::ToSchema;

use crate::{error::internal, routes::tables::TableColumn};

/// A table to send through a model.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBatchPrediction {
    pub(super) model_name: ModelName,
    /// Whose deployment is meant, unless a version is given.
    pub(super) environment: Environment,
    /// Which version; none given: the one that is deployed in the environment.
    pub(super) version: Option<u64>,
    /// The table whose rows are scored, as they are now: `project.dataset.table`.
    pub(super) input_table: String,
    /// The table that they go to, with the predictions.
    pub(super) output_table: String,
    #[serde(default)]
    pub(super) write_disposition: WriteDisposition,
    /// The columns of the input that go through to the output; none given: all.
    pub(super) id_columns: Option<Vec<String>>,
    /// What becomes of rows that can't be scored.
    #[serde(default)]
    pub(super) on_reject: OnReject,
    /// Names the job: two requests with one name are one job.
    pub(super) job: Option<String>,
    /// What the columns are called that are added.
    #[serde(default)]
    pub(super) names: OutputNames,
    /// Whether it is only looked what would be done.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// What would be done.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchPreview {
    pub(super) model_name: ModelName,
    pub(super) version: u64,
    pub(super) input_table: String,
    /// The version of the input that would be read.
    pub(super) input_version: u64,
    /// How many rows it has.
    pub(super) rows: u64,
    /// The size of its files.
    pub(super) bytes: u64,
    /// In how many parts it would be scored.
    pub(super) shards: usize,
    pub(super) output_columns: Vec<TableColumn>,
}

/// A table on its way through a model.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchPrediction {
    pub(super) id: BatchId,
    /// What its caller named it by.
    #[schema(required)]
    pub(super) job: Option<String>,
    pub(super) model_name: ModelName,
    pub(super) version: u64,
    pub(super) environment: Environment,
    pub(super) input_table: String,
    /// The version of the input that is read, whatever changes it meanwhile.
    pub(super) input_version: u64,
    pub(super) output_table: String,
    /// The output's version that has its rows.
    #[schema(required)]
    pub(super) output_version: Option<u64>,
    /// Where rows go that can't be scored; null: the first one ends the job.
    #[schema(required)]
    pub(super) reject_table: Option<String>,
    pub(super) write_disposition: WriteDisposition,
    /// The columns of the input that go through.
    pub(super) through: Vec<String>,
    pub(super) names: OutputNames,
    pub(super) status: BatchStatus,
    /// How many rows the input has.
    #[schema(required)]
    pub(super) rows: Option<u64>,
    /// How many of them were scored or rejected.
    pub(super) rows_done: u64,
    pub(super) rows_rejected: u64,
    /// In how many parts they are scored.
    pub(super) shards: u32,
    pub(super) shards_done: u32,
    /// Why it failed; while it goes on, why a part of it did, which is tried again.
    #[schema(required)]
    pub(super) error: Option<String>,
    #[schema(required)]
    pub(super) created_by: Option<String>,
    pub(super) created_at: Timestamp,
    /// When its first part was begun.
    #[schema(required)]
    pub(super) started_at: Option<Timestamp>,
    #[schema(required)]
    pub(super) finished_at: Option<Timestamp>,
}

impl NewBatchPrediction {
    /// All of it but its name.
    pub(super) fn request(&self) -> BatchRequest {
        BatchRequest {
            model_name: self.model_name.clone(),
            environment: self.environment.clone(),
            version: self.version,
            input_table: self.input_table.clone(),
            output_table: self.output_table.clone(),
            write_disposition: self.write_disposition,
            id_columns: self.id_columns.clone(),
            on_reject: self.on_reject,
            names: self.names.clone(),
        }
    }
}

impl BatchPrediction {
    pub(super) fn of(batch: Batch) -> Result<Self, ApiError> {
        let spec: Spec = serde_json::from_value(batch.spec).map_err(internal)?;
        let reject_table = spec.rejects().map(|table| table.to_string());
        Ok(Self {
            id: batch.id,
            job: batch.job,
            model_name: batch.model_name,
            version: batch.version,
            environment: batch.environment,
            input_table: spec.input.to_string(),
            input_version: spec.input_version,
            output_table: spec.output.to_string(),
            output_version: batch.output_version,
            reject_table,
            write_disposition: spec.disposition.into(),
            through: spec.through,
            names: spec.names,
            status: batch.status,
            rows: batch.rows,
            rows_done: batch.rows_done,
            rows_rejected: batch.rows_rejected,
            shards: batch.shards,
            shards_done: batch.shards_done,
            error: batch.error,
            created_by: batch.created_by,
            created_at: batch.created_at,
            started_at: batch.started_at,
            finished_at: batch.finished_at,
        })
    }
}

/// Which batch predictions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchQuery {
    /// Of this model.
    pub(super) model: Option<String>,
    /// `queued`, `running`, `writing`, `succeeded`, `failed` or `cancelled`.
    pub(super) status: Option<String>,
    /// The `next` of the page before.
    pub(super) after: Option<String>,
    /// At most so many.
    pub(super) limit: Option<usize>,
}

/// A table to send through a model, in an address.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PredictQuery {
    /// Whose deployment is meant, unless a version is given.
    pub(super) env: String,
    /// The table whose rows are scored: `project.dataset.table`.
    pub(super) input_table: String,
    /// The table that they go to, with the predictions.
    pub(super) output_table: String,
    pub(super) model_name: String,
    /// `v1` or `1`; none given: the version that is deployed there.
    pub(super) model_version: Option<String>,
    /// Names the job: two requests with one name are one job, so that a request that got no answer can be made again.
    pub(super) job: Option<String>,
}
