//! What was registered: the versions of each model, and where they came from.

use std::collections::BTreeMap;

use contract::{CommitSha, DataRead, Environment, Flavour, ModelName, PipelineId, RepoName};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use crate::{
    Cause, Lease, ModelSummary, Recorded, Serving, StoreError,
    db::fields::Fields,
    pipelines::leases::fenced,
    serving::{
        models::{select, summaries},
        owners,
    },
};

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
    /// What its notebook read, query by query; each once.
    pub reads: Vec<DataRead>,
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

/// A model's current version in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Deployment)]
pub struct DeployedVersion {
    /// The environment.
    pub environment: Environment,
    /// The registry version.
    pub version: u64,
    /// When it became the current one.
    pub deployed_at: Timestamp,
    /// The version that a rollback would put in its place; `None` where no other one was deployed before.
    #[schema(required)]
    pub rollback_to: Option<u64>,
}

/// A deployment there is or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeploymentEvent {
    /// Its number, which grows over all models.
    pub generation: u64,
    /// Where it is or was deployed.
    pub environment: Environment,
    /// The registry version.
    pub version: u64,
    /// When it became the current one.
    pub deployed_at: Timestamp,
    /// When it ceased to be the current one; `None` while it is.
    #[schema(required)]
    pub ended_at: Option<Timestamp>,
    /// Why it was made.
    pub cause: Cause,
}

impl Serving {
    /// Records a registered version, and the model's name as the repository's where it was nobody's. The same version again,
    /// after a crash, changes nothing.
    pub async fn record_version(&self, lease: &Lease, version: NewVersion) -> Result<Recorded, StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        if let Some(owner) = owners::own(&mut write, &version.model, lease.pipeline_id).await? {
            return Ok(Recorded::OwnedBy(owner));
        }
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
        write.commit().await?;
        Ok(Recorded::Yes)
    }

    /// A model and where it is deployed. `None` for one without versions.
    pub async fn model(&self, model: &ModelName) -> Result<Option<(ModelSummary, Vec<DeployedVersion>)>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(select("model_name = $1", "", "model_name")));
        let found = summaries(&self.database.all(query.bind(model.as_str())).await?)?;
        let Some(summary) = found.into_iter().next() else { return Ok(None) };
        let query = sqlx::query(
            "SELECT h.environment, h.version, h.deployed_at, f.version AS rollback_to FROM deployments d
                 JOIN deployment_history h ON h.generation = d.generation
                 LEFT JOIN deployment_history f ON f.generation = h.former
             WHERE d.model_name = $1",
        );
        let rows = self.database.all(query.bind(model.as_str())).await?;
        let mut deployed = rows.iter().map(deployed_version).collect::<Result<Vec<_>, _>>()?;
        deployed.sort_by_key(|deployed| deployed.environment.rank());
        Ok(Some((summary, deployed)))
    }

    /// A model's versions, newest first: at most `limit`, from before a version; and from before which it goes on, if it
    /// does.
    pub async fn model_versions(
        &self,
        model: &ModelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<VersionRecord>, Option<u64>), StoreError> {
        let query = sqlx::query(
            "SELECT v.version, v.pipeline_id, v.flavour, v.uri, v.sha256, v.created_at, p.declared_version, p.delivery_id,
                 p.repo, p.commit_sha, p.notebook_path, p.mlflow_run_id, p.metrics, p.reads, d.environment
             FROM (SELECT * FROM versions WHERE model_name = $1 AND version < $2 ORDER BY version DESC LIMIT $3) v
             JOIN pipelines p ON p.id = v.pipeline_id
             LEFT JOIN deployments d ON d.model_name = v.model_name AND d.version = v.version
             ORDER BY v.version DESC",
        );
        let query = query.bind(model.as_str()).bind(bound(before)).bind(one_more(limit));
        let mut versions: Vec<VersionRecord> = Vec::new();
        for row in &self.database.all(query).await? {
            if versions.last().map(|last| last.version) != Some(Fields(row).count("version")?) {
                versions.push(version(row)?);
            }
            if let (Some(environment), Some(last)) = (Fields(row).parsed_option("environment")?, versions.last_mut()) {
                last.environments.push(environment);
                last.environments.sort_by_key(Environment::rank);
            }
        }
        let next = cut(&mut versions, limit).map(|last| last.version);
        Ok((versions, next))
    }

    /// One of a model's versions.
    pub async fn model_version(&self, model: &ModelName, version: u64) -> Result<Option<VersionRecord>, StoreError> {
        let (newest, _) = self.model_versions(model, version.checked_add(1), 1).await?;
        Ok(newest.into_iter().next().filter(|found| found.version == version))
    }

    /// Where and when a model's versions were in service, newest first: at most `limit`, from before a generation; and from
    /// before which it goes on, if it does.
    pub async fn deployment_events(
        &self,
        model: &ModelName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<DeploymentEvent>, Option<u64>), StoreError> {
        let query = sqlx::query(
            "SELECT generation, environment, version, deployed_at, ended_at, cause FROM deployment_history
             WHERE model_name = $1 AND generation < $2 ORDER BY generation DESC LIMIT $3",
        );
        let query = query.bind(model.as_str()).bind(bound(before)).bind(one_more(limit));
        let rows = self.database.all(query).await?;
        let mut events = rows.iter().map(event).collect::<Result<Vec<_>, _>>()?;
        let next = cut(&mut events, limit).map(|last| last.generation);
        Ok((events, next))
    }
}

/// The number under which all are that come before one; all there can be come before none.
fn bound(before: Option<u64>) -> i64 {
    before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX)
}

/// How many rows to ask for, to see whether there are more than a page has.
pub(super) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// Makes a page of what was asked for with [`one_more`]; its last item if there are more.
pub(super) fn cut<T>(items: &mut Vec<T>, limit: usize) -> Option<&T> {
    let more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| more)
}

fn deployed_version(row: &AnyRow) -> Result<DeployedVersion, StoreError> {
    let fields = Fields(row);
    Ok(DeployedVersion {
        environment: fields.parsed("environment")?,
        version: fields.count("version")?,
        deployed_at: fields.time("deployed_at")?,
        rollback_to: fields.get::<Option<i64>>("rollback_to")?.map(i64::cast_unsigned),
    })
}

fn event(row: &AnyRow) -> Result<DeploymentEvent, StoreError> {
    let fields = Fields(row);
    Ok(DeploymentEvent {
        generation: fields.count("generation")?,
        environment: fields.parsed("environment")?,
        version: fields.count("version")?,
        deployed_at: fields.time("deployed_at")?,
        ended_at: fields.time_option("ended_at")?,
        cause: fields.word("cause", Cause::from_word)?,
    })
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
        reads: if fields.get::<Option<String>>("reads")?.is_some() { fields.json("reads")? } else { Vec::new() },
        flavour: fields.word("flavour", flavour_from_word)?,
        uri: fields.get("uri")?,
        sha256: fields.get("sha256")?,
        created_at: fields.time("created_at")?,
        environments: Vec::new(),
    })
}

fn flavour_word(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Native => "native",
        Flavour::Onnx => "onnx",
        Flavour::Python => "python",
    }
}

fn flavour_from_word(word: &str) -> Option<Flavour> {
    [Flavour::Native, Flavour::Onnx, Flavour::Python].into_iter().find(|flavour| flavour_word(*flavour) == word)
}
