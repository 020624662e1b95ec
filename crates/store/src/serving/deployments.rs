//! What is deployed where, and was.
//!
//! Every change has a number, its generation, that grows over the whole database: changes become visible in the order
//! of their numbers, so whoever saw a greater one never has to look at a smaller one again.

use std::collections::BTreeMap;

use contract::{Environment, ModelName, PipelineId};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use crate::{
    Serving, StoreError,
    db::database::Write,
    db::fields::{Fields, json},
    serving::candidates::beside,
};

/// Why a deployment was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeploymentCause)]
pub enum Cause {
    /// A push passed its gates.
    Push,
    /// A person took it over from the environment before.
    Promotion,
    /// A person went back to it.
    Rollback,
    /// What had taken its place could not be made to serve.
    Revert,
}

impl Cause {
    const ALL: [Self; 4] = [Self::Push, Self::Promotion, Self::Rollback, Self::Revert];

    fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Promotion => "promotion",
            Self::Rollback => "rollback",
            Self::Revert => "revert",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

/// How a deployment ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended {
    Replaced,
    RolledBack,
    /// It could not be made to serve.
    Reverted,
}

impl Ended {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::RolledBack => "rolled_back",
            Self::Reverted => "reverted",
        }
    }
}

/// A model's current version in an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The model.
    pub model: ModelName,
    /// Where it is deployed.
    pub environment: Environment,
    /// The registry version.
    pub version: u64,
    /// The pipeline that made the version.
    pub pipeline_id: PipelineId,
    /// The folder that holds the version's files.
    pub uri: String,
    /// SHA-256 of that folder's `metadata.json`, in hex.
    pub sha256: String,
    /// The metrics its gates read; `None` for what is no number in JSON.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// When it became the current one.
    pub deployed_at: Timestamp,
    /// The number of this deployment.
    pub generation: u64,
}

/// A version that model-servers are to have loaded, and its part in the requests of its model and environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Serves {
    /// The current deployment, or what is tried beside it.
    pub deployment: Deployment,
    /// Its share of the requests, in percent.
    pub weight: u32,
    /// The share of the others' requests that it computes as a shadow, in percent.
    pub shadow: u32,
}

/// A version to deploy, made by the pipeline that is leased.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDeployment {
    /// The registry version.
    pub version: u64,
    /// The folder that holds the version's files.
    pub uri: String,
    /// SHA-256 of that folder's `metadata.json`, in hex.
    pub sha256: String,
    /// The metrics its gates read; `None` for what is no number in JSON.
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// A deployment, and what it took the place of.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What is deployed, or was when it was made.
    pub deployment: Deployment,
    /// What was deployed before.
    pub previous: Option<Deployment>,
}

/// What is deployed at a place. `former` is the generation that a rollback leads to.
macro_rules! select_current {
    ($rest:literal) => {
        concat!(
            "SELECT h.generation, h.former, h.model_name, h.environment, h.version, h.pipeline_id, h.uri, h.sha256, h.metrics,
                 h.deployed_at FROM deployments d JOIN deployment_history h ON h.generation = d.generation ",
            $rest
        )
    };
}

impl Serving {
    /// The current deployment of a model in an environment.
    pub async fn deployment(&self, model: &ModelName, environment: &Environment) -> Result<Option<Deployment>, StoreError> {
        let query = sqlx::query(select_current!("WHERE d.model_name = $1 AND d.environment = $2"));
        let row = self.database.optional(query.bind(model.as_str()).bind(environment.as_str())).await?;
        row.as_ref().map(deployment).transpose()
    }

    /// All that model-servers are to serve, by model and environment, and the number of the latest change, be it a removal; 0
    /// before the first.
    pub async fn desired(&self) -> Result<(u64, Vec<Serves>), StoreError> {
        // One statement: the number belongs to what it is the number of. There is one; without the limit, PostgreSQL plans for
        // thousands, and takes a second to compile what that would need.
        let query = sqlx::query(concat!(
            "SELECT n.latest, s.* FROM (SELECT latest FROM deployment_changes LIMIT 1) n LEFT JOIN (
                 SELECT h.generation, h.model_name, h.environment, h.version, h.pipeline_id, h.uri, h.sha256, h.metrics,
                     h.deployed_at, 100 - COALESCE(c.weight, 0) AS weight, CAST(0 AS BIGINT) AS shadow
                 FROM deployments d JOIN deployment_history h ON h.generation = d.generation
                     LEFT JOIN candidates c ON c.model_name = d.model_name AND c.environment = d.environment
                         AND c.beside = d.generation
                 UNION ALL
                 SELECT c.generation, c.model_name, c.environment, c.version, c.pipeline_id, c.uri, c.sha256, c.metrics,
                     c.since, c.weight, c.shadow FROM ",
            beside!(),
            " WHERE c.served = 1) s ON 1 = 1 ORDER BY s.model_name, s.environment, s.generation"
        ));
        let rows = self.database.all(query).await?;
        let latest = rows.first().map_or(Ok(0), |row| Fields(row).count("latest"))?;
        let mut serves = Vec::with_capacity(rows.len());
        for row in &rows {
            let fields = Fields(row);
            if fields.get::<Option<i64>>("generation")?.is_some() {
                let (weight, shadow) = (fields.times("weight")?, fields.times("shadow")?);
                serves.push(Serves { deployment: deployment(row)?, weight, shadow });
            }
        }
        Ok((latest, serves))
    }
}

/// What is deployed at a place, in a write, and the generation that a rollback leads to.
pub(crate) async fn current(
    write: &mut Write,
    (model, environment): (&ModelName, &Environment),
) -> Result<Option<(Deployment, Option<i64>)>, StoreError> {
    let query = sqlx::query(select_current!("WHERE d.model_name = $1 AND d.environment = $2"));
    let row = write.optional(query.bind(model.as_str()).bind(environment.as_str())).await?;
    row.map(|row| Ok((deployment(&row)?, Fields(&row).get("former")?))).transpose()
}

/// The number of the change in hand. All other changes wait for its end.
pub(crate) async fn next_generation(write: &mut Write) -> Result<u64, StoreError> {
    let next = sqlx::query("UPDATE deployment_changes SET latest = latest + 1 RETURNING latest");
    Fields(&write.one(next).await?).count("latest")
}

/// A deployment there was.
pub(crate) async fn of_history(write: &mut Write, generation: Option<i64>) -> Result<Option<Deployment>, StoreError> {
    let Some(generation) = generation else { return Ok(None) };
    let query = sqlx::query(
        "SELECT generation, model_name, environment, version, pipeline_id, uri, sha256, metrics, deployed_at
         FROM deployment_history WHERE generation = $1",
    );
    Ok(Some(deployment(&write.one(query.bind(generation)).await?)?))
}

/// The generation that a rollback of a deployment leads to.
pub(crate) async fn previous_of(write: &mut Write, generation: u64) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query("SELECT former FROM deployment_history WHERE generation = $1");
    Fields(&write.one(query.bind(generation.cast_signed())).await?).get("former")
}

/// Notes that a deployment is not the current one any more.
pub(crate) async fn end(write: &mut Write, generation: u64, how: Ended) -> Result<(), StoreError> {
    let end = sqlx::query("UPDATE deployment_history SET ended_at = $2, ended_by = $3 WHERE generation = $1");
    write.run(end.bind(generation.cast_signed()).bind(write.now).bind(how.as_str())).await?;
    Ok(())
}

/// Makes a deployment the current one, from now on.
pub(crate) async fn deploy(
    write: &mut Write,
    new: &Deployment,
    previous: Option<i64>,
    cause: Cause,
) -> Result<(), StoreError> {
    let history = sqlx::query(
        "INSERT INTO deployment_history (generation, former, model_name, environment, version, pipeline_id, uri, sha256,
             metrics, deployed_at, cause)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(new.generation.cast_signed())
    .bind(previous)
    .bind(new.model.as_str())
    .bind(new.environment.as_str())
    .bind(new.version.cast_signed())
    .bind(new.pipeline_id.to_string())
    .bind(&new.uri)
    .bind(&new.sha256)
    .bind(json(&new.metrics)?)
    .bind(write.now)
    .bind(cause.as_str());
    write.run(history).await?;
    let current = sqlx::query(
        "INSERT INTO deployments (model_name, environment, version, generation) VALUES ($1, $2, $3, $4)
         ON CONFLICT (model_name, environment) DO UPDATE SET version = excluded.version, generation = excluded.generation",
    )
    .bind(new.model.as_str())
    .bind(new.environment.as_str())
    .bind(new.version.cast_signed())
    .bind(new.generation.cast_signed());
    write.run(current).await?;
    Ok(())
}

pub(crate) fn deployment(row: &AnyRow) -> Result<Deployment, StoreError> {
    let fields = Fields(row);
    Ok(Deployment {
        model: fields.parsed("model_name")?,
        environment: fields.parsed("environment")?,
        version: fields.count("version")?,
        pipeline_id: fields.parsed("pipeline_id")?,
        uri: fields.get("uri")?,
        sha256: fields.get("sha256")?,
        metrics: fields.metrics("metrics")?,
        deployed_at: fields.time("deployed_at")?,
        generation: fields.count("generation")?,
    })
}
