//! What is asked for, and what is to be done.

use contract::ModelName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warehouse::{Disposition, Part, TableName};

/// What becomes of rows that can't be scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnReject {
    /// They go to the table `{output}_rejects`, with the reason.
    #[default]
    Table,
    /// The first one ends the job. Nothing of it is in the output.
    Stop,
}

/// What the columns are called that are added to the input's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputNames {
    /// What the model says.
    pub prediction: String,
    /// When the job was made.
    pub timestamp: String,
    /// The model.
    pub model_name: String,
    /// Its version.
    pub model_version: String,
    /// How probable the prediction is to the model, if it is a classifier that says so.
    pub probability: String,
    /// The moment that the rows stand for, where a schedule had them scored.
    pub scheduled_for: String,
}

impl Default for OutputNames {
    fn default() -> Self {
        Self {
            prediction: "Prediction".to_owned(),
            timestamp: "PredictionTimestamp".to_owned(),
            model_name: "ModelName".to_owned(),
            model_version: "ModelVersion".to_owned(),
            probability: "PredictionProbability".to_owned(),
            scheduled_for: "ScheduledFor".to_owned(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model.
    pub model_name: ModelName,
    /// Its version.
    pub version: u64,
    /// Where that version's files are.
    pub uri: String,
    /// Their digest.
    pub sha256: String,
    /// The table whose rows are scored.
    pub input: TableName,
    /// The table that the rows go to.
    pub output: TableName,
    /// What becomes of the rows that the output has.
    pub disposition: Disposition,
    /// The columns of the input that go through to the output; none given: all.
    pub id_columns: Option<Vec<String>>,
    /// What becomes of rows that can't be scored.
    pub on_reject: OnReject,
    /// What the added columns are called.
    pub names: OutputNames,
    /// The moment that the rows stand for, where a schedule asks.
    pub scheduled_for: Option<Timestamp>,
    /// The whole of what the caller said, as text: another request of the job must say the same.
    pub asked: String,
}

/// What is to be done: the same for each of its shards, whenever it is begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The model.
    pub model_name: ModelName,
    /// Its version.
    pub version: u64,
    /// Where that version's files are.
    pub uri: String,
    /// Their digest.
    pub sha256: String,
    /// The table whose rows are scored.
    pub input: TableName,
    /// As it was after this change.
    pub input_version: u64,
    /// The table that the rows go to.
    pub output: TableName,
    /// What becomes of the rows that the output has.
    pub disposition: Disposition,
    /// The columns of the input that go through to the output.
    pub through: Vec<String>,
    /// The input's columns that the model is given, where it takes an array.
    pub features: Option<Vec<String>>,
    /// What becomes of rows that can't be scored.
    pub on_reject: OnReject,
    /// What the added columns are called.
    pub names: OutputNames,
    /// The output's columns, as the table's log says them.
    pub columns: String,
    /// The same of the table of rejects.
    pub reject_columns: Option<String>,
    /// When the job was made: all its rows bear it.
    pub at: Timestamp,
    /// The moment that its rows stand for, where a schedule had it made.
    #[serde(default)]
    pub scheduled_for: Option<Timestamp>,
    /// The same for those that are rejected.
    #[serde(default)]
    pub rejects_scheduled_for: Option<Timestamp>,
    /// The whole of what the caller said.
    pub asked: String,
}

/// What a shard reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The place of its first row among those of the input, from 0.
    pub first_row: u64,
    /// Where its rows are.
    pub parts: Vec<Part>,
}

impl Spec {
    /// The table that rows go to which can't be scored.
    #[must_use]
    pub fn rejects(&self) -> Option<TableName> {
        (self.on_reject == OnReject::Table).then(|| rejects_of(&self.output)).flatten()
    }
}

/// The table of what can't be scored, beside an output.
pub(crate) fn rejects_of(output: &TableName) -> Option<TableName> {
    format!("{output}_rejects").parse().ok()
}
