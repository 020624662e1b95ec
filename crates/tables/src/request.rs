//! What somebody asks for, and how it becomes a batch prediction.

use artifacts::VersionLocation;
use contract::{Environment, ModelName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Created, NewBatch, Store};
use utoipa::ToSchema;
use warehouse::{Disposition, TableName, Warehouse};

use crate::{Error, OnReject, OutputNames, Plan, Request, plan, spec::rejects_of};

/// What becomes of the rows that a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub enum WriteDisposition {
    /// They stay.
    #[default]
    #[serde(rename = "WRITE_APPEND")]
    Append,
    /// They go, and so do its columns.
    #[serde(rename = "WRITE_TRUNCATE")]
    Truncate,
    /// There must be none.
    #[serde(rename = "WRITE_EMPTY")]
    Empty,
}

impl From<WriteDisposition> for Disposition {
    fn from(disposition: WriteDisposition) -> Self {
        match disposition {
            WriteDisposition::Append => Self::Append,
            WriteDisposition::Truncate => Self::Truncate,
            WriteDisposition::Empty => Self::Empty,
        }
    }
}

impl From<Disposition> for WriteDisposition {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Append => Self::Append,
            Disposition::Truncate => Self::Truncate,
            Disposition::Empty => Self::Empty,
        }
    }
}

/// A table to send through a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The model.
    pub model_name: ModelName,
    /// Whose deployment is meant, unless a version is given.
    pub environment: Environment,
    /// Which version; none given: the one that is deployed in the environment.
    #[serde(default)]
    pub version: Option<u64>,
    /// The table whose rows are scored, as they are then: `project.dataset.table`.
    pub input_table: String,
    /// The table that they go to, with the predictions.
    pub output_table: String,
    /// What becomes of the rows that the output has.
    #[serde(default)]
    pub write_disposition: WriteDisposition,
    /// The columns of the input that go through to the output; none given: all.
    #[serde(default)]
    pub id_columns: Option<Vec<String>>,
    /// What becomes of rows that can't be scored.
    #[serde(default)]
    pub on_reject: OnReject,
    /// What the columns are called that are added.
    #[serde(default)]
    pub names: OutputNames,
}

/// Where models and tables are found.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Which versions there are, and which are deployed.
    pub store: &'a Store,
    /// Their files.
    pub artifacts: &'a artifacts::Store,
    /// The tables.
    pub warehouse: &'a Warehouse,
}

impl BatchRequest {
    /// The table that it reads, and those that it writes.
    ///
    /// # Errors
    /// Where one of them can't be called so.
    pub fn tables(&self) -> Result<(TableName, Vec<TableName>), warehouse::Error> {
        let output: TableName = self.output_table.parse()?;
        let rejects = (self.on_reject == OnReject::Table).then(|| rejects_of(&output)).flatten();
        Ok((self.input_table.parse()?, std::iter::once(output).chain(rejects).collect()))
    }

    /// All of it as text: the same for the same.
    ///
    /// # Errors
    /// Never for what was read from JSON.
    pub fn text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Kept(error.to_string()))
    }

    /// Looks whether it can be done now, and how; `scheduled_for`: the moment that its rows stand for, where a schedule asks.
    ///
    /// # Errors
    /// Whatever keeps it from being done.
    pub async fn plan(&self, sources: Sources<'_>, scheduled_for: Option<Timestamp>) -> Result<Plan, Error> {
        let Sources { store, artifacts, warehouse } = sources;
        let model = &self.model_name;
        let version = if let Some(version) = self.version {
            version
        } else {
            let none = || Error::NotFound(format!("no version of {model} is deployed in {}", self.environment.as_str()));
            store.serving.deployment(model, &self.environment).await?.ok_or_else(none)?.version
        };
        let record = store.serving.model_version(model, version).await?;
        let record = record.ok_or_else(|| Error::NotFound(format!("there is no version {version} of a model {model}")))?;
        let location = VersionLocation { uri: record.uri, sha256: record.sha256 };
        let manifest = artifacts.manifest(&location).await?;
        let request = Request {
            model_name: model.clone(),
            version,
            uri: location.uri,
            sha256: location.sha256,
            input: self.input_table.parse()?,
            output: self.output_table.parse()?,
            disposition: self.write_disposition.into(),
            id_columns: self.id_columns.clone(),
            on_reject: self.on_reject,
            names: self.names.clone(),
            scheduled_for,
            asked: self.text()?,
        };
        plan(warehouse, &manifest, request).await
    }

    /// Makes the batch prediction that was planned. Of a job that was asked for before, it answers that one.
    ///
    /// # Errors
    /// The store's.
    pub async fn create(&self, store: &Store, plan: &Plan, job: Option<&str>, by: &str) -> Result<Created, Error> {
        let kept = |error: serde_json::Error| Error::Kept(error.to_string());
        let pieces = plan.pieces.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>().map_err(kept)?;
        let new = NewBatch {
            job,
            model_name: &plan.spec.model_name,
            environment: &self.environment,
            version: plan.spec.version,
            spec: &serde_json::to_value(&plan.spec).map_err(kept)?,
            rows: Some(plan.rows),
            pieces: &pieces,
            created_by: by,
        };
        Ok(store.batches.create(new).await?)
    }
}
