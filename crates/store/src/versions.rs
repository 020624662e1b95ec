//! What was registered: the versions of each model, and where they came from.

use std::collections::BTreeMap;

use contract::{CommitSha, Environment, Flavour, ModelName, PipelineId, RepoName};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use utoipa::{
    ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::{Lease, Store, StoreError, fields::Fields};

/// A version to record. What else is known of it is known of its pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// The model.
    pub model: ModelName,
    /// The registry version.
    pub version: u64,
    /// What computes its predictions.
    pub flavour: Flavour,
    /// The folder that holds its files.
    pub uri: String,
    /// SHA-256 of that folder's `metadata.json`, in hex.
    pub sha256: String,
}

/// A model, in a list of models.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelSummary {
    /// Its name.
    pub name: ModelName,
    /// Its newest registry version.
    pub latest_version: u64,
    /// How many versions it has.
    pub versions: u64,
    /// The version deployed in each environment that has one.
    #[schema(schema_with = by_environment)]
    pub environments: BTreeMap<Environment, u64>,
    /// When its newest version was recorded.
    pub updated_at: Timestamp,
}

/// A version, with its lineage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VersionRecord {
    /// The registry version.
    pub version: u64,
    /// The notebook's label for it.
    #[schema(required)]
    pub declared_version: Option<String>,
    /// The pipeline that made it.
    pub pipeline_id: PipelineId,
    /// The delivery that started the pipeline.
    #[schema(required)]
    pub delivery_id: Option<String>,
    /// The repository.
    pub repo: RepoName,
    /// The commit.
    pub commit_sha: CommitSha,
    /// The notebook's path in the repository.
    pub notebook_path: String,
    /// The MLflow run.
    #[schema(required)]
    pub mlflow_run_id: Option<String>,
    /// Its metrics; `None` for what is no number in JSON.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// What computes its predictions.
    pub flavour: Flavour,
    /// The folder that holds its files.
    pub uri: String,
    /// SHA-256 of that folder's `metadata.json`, in hex.
    pub sha256: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Where it is the current one.
    pub environments: Vec<Environment>,
}

impl Store {
    /// Records a registered version. The same version again, after a crash, changes nothing.
    pub async fn record_version(&self, lease: &Lease, version: NewVersion) -> Result<(), StoreError> {
        let mut write = self.fenced(lease).await?;
        let record = sqlx::query(
            "INSERT INTO versions (model_name, version, pipeline_id, flavour, uri, sha256, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (model_name, version) DO NOTHING",
        )
        .bind(version.model.as_str())
        .bind(version.version.cast_signed())
        .bind(lease.pipeline_id.to_string())
        .bind(flavour_word(version.flavour))
        .bind(&version.uri)
        .bind(&version.sha256)
        .bind(write.now);
        write.run(record).await?;
        write.commit().await
    }

    /// All models that have a version, by name.
    pub async fn models(&self) -> Result<Vec<ModelSummary>, StoreError> {
        let query = sqlx::query(
            "SELECT v.model_name, v.latest_version, v.versions, v.updated_at, d.environment, d.version FROM
                 (SELECT model_name, MAX(version) AS latest_version, COUNT(*) AS versions, MAX(created_at) AS updated_at
                  FROM versions GROUP BY model_name) v
             LEFT JOIN deployments d ON d.model_name = v.model_name ORDER BY v.model_name",
        );
        let rows = self.database.all(query).await?;
        // One row for each environment of a model, or one without any.
        let mut models: Vec<ModelSummary> = Vec::new();
        for row in &rows {
            let fields = Fields(row);
            let name: ModelName = fields.parsed("model_name")?;
            if models.last().is_none_or(|model| model.name != name) {
                models.push(ModelSummary {
                    name,
                    latest_version: fields.count("latest_version")?,
                    versions: fields.count("versions")?,
                    environments: BTreeMap::new(),
                    updated_at: fields.time("updated_at")?,
                });
            }
            if let (Some(environment), Some(model)) = (fields.parsed_option("environment")?, models.last_mut()) {
                model.environments.insert(environment, fields.count("version")?);
            }
        }
        Ok(models)
    }

    /// A model's versions, newest first; none for an unknown model.
    pub async fn model_versions(&self, model: &ModelName) -> Result<Vec<VersionRecord>, StoreError> {
        let query = sqlx::query(
            "SELECT v.version, v.pipeline_id, v.flavour, v.uri, v.sha256, v.created_at, p.declared_version, p.delivery_id,
                 p.repo, p.commit_sha, p.notebook_path, p.mlflow_run_id, p.metrics, d.environment
             FROM versions v JOIN pipelines p ON p.id = v.pipeline_id
             LEFT JOIN deployments d ON d.model_name = v.model_name AND d.version = v.version
             WHERE v.model_name = $1 ORDER BY v.version DESC, d.environment",
        );
        let rows = self.database.all(query.bind(model.as_str())).await?;
        let mut versions: Vec<VersionRecord> = Vec::new();
        for row in &rows {
            if versions.last().map(|last| last.version) != Some(Fields(row).count("version")?) {
                versions.push(version(row)?);
            }
            if let (Some(environment), Some(last)) = (Fields(row).parsed_option("environment")?, versions.last_mut()) {
                last.environments.push(environment);
            }
        }
        Ok(versions)
    }
}

/// A version for each environment that has one.
fn by_environment() -> RefOr<Schema> {
    let version =
        || ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
    Environment::ALL.iter().fold(ObjectBuilder::new(), |object, name| object.property(*name, version())).into()
}

fn version(row: &AnyRow) -> Result<VersionRecord, StoreError> {
    let fields = Fields(row);
    Ok(VersionRecord {
        version: fields.count("version")?,
        declared_version: fields.get("declared_version")?,
        pipeline_id: fields.parsed("pipeline_id")?,
        delivery_id: fields.get("delivery_id")?,
        repo: fields.parsed("repo")?,
        commit_sha: fields.parsed("commit_sha")?,
        notebook_path: fields.get("notebook_path")?,
        mlflow_run_id: fields.get("mlflow_run_id")?,
        metrics: fields.metrics("metrics")?,
        flavour: fields.word("flavour", flavour_from_word)?,
        uri: fields.get("uri")?,
        sha256: fields.get("sha256")?,
        created_at: fields.time("created_at")?,
        environments: Vec::new(),
    })
}

fn flavour_word(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Onnx => "onnx",
        Flavour::Python => "python",
    }
}

fn flavour_from_word(word: &str) -> Option<Flavour> {
    [Flavour::Onnx, Flavour::Python].into_iter().find(|flavour| flavour_word(*flavour) == word)
}
