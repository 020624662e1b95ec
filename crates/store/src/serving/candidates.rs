//! Versions that are tried beside what is deployed: at most one of a model in an environment.
//!
//! A candidate is beside one deployment. Any change of what is deployed there ends it, without a word: its row names a
//! deployment that is not the current one any more. Every change of the shares has a number, as one of what is deployed has,
//! so that model-servers follow it in the same way.

use contract::{CanaryOutcome, CanaryRules, CanaryVerdict, CanaryWatch, Environment, ModelName, TaskPayload};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use crate::{
    Change, Deployment, DeploymentLock, NewTask, Serving, StoreError,
    db::database::Write,
    db::fields::{Fields, json, text},
    serving::{
        changes::made,
        deployments::{Cause, Ended, current, deploy, deployment, end, next_generation},
        locks::locked,
    },
    tasks,
};

/// A version that is tried beside the deployed one.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The version and its files, since when it is tried, and the generation that servers load it by.
    pub deployment: Deployment,
    /// Its share of the requests, in percent; the current version has the rest.
    pub weight: u32,
    /// The share of the others' requests that it computes as a shadow, in percent.
    pub shadow: u32,
    /// Who began it.
    pub by: String,
    /// The number of the last change of its shares.
    pub changed: u64,
    /// What it has to keep to.
    pub rules: Option<CanaryRules>,
    /// The number of the change that gave it these rules.
    pub ruled: u64,
    /// What the rules came to, or what a person decided.
    pub verdict: Option<CanaryVerdict>,
}

impl Candidate {
    /// Whether it is tried no more: another one can take its place.
    pub fn is_over(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome.is_over())
    }

    /// Whether model-servers are to have it loaded.
    pub fn is_served(&self) -> bool {
        self.verdict.as_ref().is_none_or(|verdict| verdict.outcome != CanaryOutcome::Withdrawn)
    }
}

/// What is deployed of a model in an environment, and what is tried beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The current deployment.
    pub current: Deployment,
    /// The version beside it.
    pub candidate: Option<Candidate>,
}

/// How a candidate is to be tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = TrafficTrial)]
pub struct Trial {
    /// Its share of the requests, in percent.
    pub weight: u32,
    /// The share that it computes as a shadow, in percent.
    pub shadow: u32,
    /// What it has to keep to; null: a person decides.
    #[schema(required)]
    pub rules: Option<CanaryRules>,
}

const COLUMNS: &str = "c.model_name, c.environment, c.generation, c.version, c.pipeline_id, c.uri, c.sha256, c.metrics,
    c.since AS deployed_at, c.beside, c.weight, c.shadow, c.started_by, c.changed, c.rules, c.ruled, c.verdict, c.watch";

/// The candidates that are beside a current deployment.
macro_rules! beside {
    () => {
        "candidates c JOIN deployments d ON d.model_name = c.model_name AND d.environment = c.environment
             AND d.generation = c.beside"
    };
}
pub(crate) use beside;

impl Serving {
    /// Each environment that a model is deployed in, the first one first.
    pub async fn places(&self, model: &ModelName) -> Result<Vec<Place>, StoreError> {
        let query = sqlx::query(
            "SELECT h.generation, h.model_name, h.environment, h.version, h.pipeline_id, h.uri, h.sha256, h.metrics,
                 h.deployed_at FROM deployments d JOIN deployment_history h ON h.generation = d.generation
             WHERE d.model_name = $1",
        );
        let rows = self.database.all(query.bind(model.as_str())).await?;
        let sql = format!("SELECT {COLUMNS} FROM candidates c WHERE c.model_name = $1");
        let candidates = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(model.as_str())).await?;
        let mut places = Vec::with_capacity(rows.len());
        for row in &rows {
            let current = deployment(row)?;
            let is_here = |row: &&AnyRow| Fields(row).count("beside").is_ok_and(|beside| beside == current.generation);
            let candidate = candidates.iter().find(is_here).map(candidate).transpose()?;
            places.push(Place { current, candidate });
        }
        places.sort_by_key(|place| place.current.environment.rank());
        Ok(places)
    }

    /// What is deployed of a model in an environment, and what is tried beside it.
    pub async fn place(&self, model: &ModelName, environment: &Environment) -> Result<Option<Place>, StoreError> {
        let places = self.places(model).await?;
        Ok(places.into_iter().find(|place| place.current.environment == *environment))
    }

    /// Whether a version was deployed in an environment before, and could be made to serve there.
    pub async fn was_deployed(
        &self,
        (model, environment): (&ModelName, &Environment),
        version: u64,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT generation FROM deployment_history WHERE model_name = $1 AND version = $2 AND environment = $3
                 AND (ended_by IS NULL OR ended_by <> 'reverted') LIMIT 1",
        );
        let query = query.bind(model.as_str()).bind(version.cast_signed()).bind(environment.as_str());
        Ok(self.database.optional(query).await?.is_some())
    }

    /// Has a version tried beside the current deployment, in place of another candidate that there was.
    /// [`StoreError::NotFound`] if nothing is deployed there.
    pub async fn try_out(
        &self,
        lock: &DeploymentLock,
        version: Deployment,
        trial: &Trial,
        by: &str,
    ) -> Result<Candidate, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let (current, _) = current(&mut write, (&lock.model, &lock.environment)).await?.ok_or(StoreError::NotFound)?;
        let number = next_generation(&mut write).await?;
        let candidate = Candidate {
            deployment: Deployment { environment: lock.environment.clone(), generation: number, ..version },
            weight: trial.weight,
            shadow: trial.shadow,
            by: text(by),
            changed: number,
            rules: trial.rules,
            ruled: number,
            verdict: None,
        };
        put(&mut write, &current, &candidate).await?;
        watch(&mut write, &candidate).await?;
        self.committed(write, lock).await
    }

    /// Shares requests out to a candidate anew. Other rules begin anew, too. [`StoreError::NotFound`] if it is not there.
    pub async fn share(&self, lock: &DeploymentLock, trial: &Trial) -> Result<Candidate, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let mut candidate = here(&mut write, lock).await?.ok_or(StoreError::NotFound)?;
        candidate.changed = next_generation(&mut write).await?;
        (candidate.weight, candidate.shadow) = (trial.weight, trial.shadow);
        let change = sqlx::query(
            "UPDATE candidates SET weight = $3, shadow = $4, changed = $5 WHERE model_name = $1 AND environment = $2",
        );
        let change = change.bind(lock.model.as_str()).bind(lock.environment.as_str());
        let change = change.bind(i64::from(trial.weight)).bind(i64::from(trial.shadow));
        write.run(change.bind(candidate.changed.cast_signed())).await?;
        if candidate.rules != trial.rules {
            (candidate.rules, candidate.ruled, candidate.verdict) = (trial.rules, candidate.changed, None);
            let change = sqlx::query(
                "UPDATE candidates SET rules = $3, ruled = $4, since = $5, verdict = NULL, watch = NULL
                 WHERE model_name = $1 AND environment = $2",
            );
            let change = change.bind(lock.model.as_str()).bind(lock.environment.as_str());
            let change = change.bind(optional(candidate.rules.as_ref())?).bind(candidate.ruled.cast_signed());
            write.run(change.bind(write.now)).await?;
            watch(&mut write, &candidate).await?;
        }
        self.committed(write, lock).await
    }

    /// Makes the candidate of this generation the current deployment. What that takes the place of is the candidate from now
    /// on, without a share: it stays loaded for the way back. `None`, and nothing changes, if it is not there any more.
    pub async fn promote_candidate(
        &self,
        lock: &DeploymentLock,
        generation: u64,
        verdict: CanaryVerdict,
    ) -> Result<Option<Change>, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let found =
            here(&mut write, lock).await?.filter(|found| found.deployment.generation == generation && !found.is_over());
        let Some(candidate) = found else {
            write.undo().await?;
            return Ok(None);
        };
        let (replaced, _) = current(&mut write, (&lock.model, &lock.environment)).await?.ok_or(StoreError::NotFound)?;
        let number = next_generation(&mut write).await?;
        end(&mut write, replaced.generation, Ended::Replaced).await?;
        let promoted = Deployment { generation: number, ..candidate.deployment };
        deploy(&mut write, &promoted, Some(replaced.generation.cast_signed()), Cause::Promotion).await?;
        // Servers know it by its generation, and have nothing to load.
        let standby = Candidate {
            deployment: replaced.clone(),
            weight: 0,
            shadow: 0,
            by: candidate.by,
            changed: number,
            rules: None,
            ruled: number,
            verdict: Some(verdict),
        };
        put(&mut write, &promoted, &standby).await?;
        made(write, lock, number, Some(replaced)).await.map(Some)
    }

    /// Ends the candidate of this generation, and answers the change's number. `None`, and nothing changes, if it is not there
    /// any more.
    pub async fn end_candidate(&self, lock: &DeploymentLock, generation: u64) -> Result<Option<u64>, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let number = next_generation(&mut write).await?;
        let remove = sqlx::query("DELETE FROM candidates WHERE model_name = $1 AND environment = $2 AND generation = $3");
        let remove = remove.bind(lock.model.as_str()).bind(lock.environment.as_str());
        if write.run(remove.bind(generation.cast_signed())).await? == 0 {
            write.undo().await?;
            return Ok(None);
        }
        write.commit().await?;
        Ok(Some(number))
    }

    /// Takes the candidate of this generation out of service, for what its rules came to, which is kept, and answers the
    /// change's number. `None`, and nothing changes, if it is not there any more.
    pub async fn take_back(
        &self,
        lock: &DeploymentLock,
        generation: u64,
        verdict: &CanaryVerdict,
    ) -> Result<Option<u64>, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let found =
            here(&mut write, lock).await?.filter(|found| found.deployment.generation == generation && !found.is_over());
        if found.is_none() {
            write.undo().await?;
            return Ok(None);
        }
        let number = next_generation(&mut write).await?;
        let change = sqlx::query(
            "UPDATE candidates SET served = 0, weight = 0, shadow = 0, changed = $3, verdict = $4
             WHERE model_name = $1 AND environment = $2",
        );
        let change = change.bind(lock.model.as_str()).bind(lock.environment.as_str());
        write.run(change.bind(number.cast_signed()).bind(json(verdict)?)).await?;
        write.commit().await?;
        Ok(Some(number))
    }

    /// The candidate that a task is to look at, the deployment that it is beside, and what was counted so far. `None` if it is
    /// over, or has other rules.
    pub async fn watched(&self, watch: &CanaryWatch) -> Result<Option<(Place, Option<Value>)>, StoreError> {
        let place = self.place(&watch.model_name, &watch.environment).await?;
        let is_it = |found: &Candidate| found.ruled == watch.ruled && found.rules.is_some() && !found.is_over();
        let Some(place) = place.filter(|place| place.candidate.as_ref().is_some_and(is_it)) else { return Ok(None) };
        let counted = sqlx::query("SELECT watch FROM candidates WHERE model_name = $1 AND environment = $2 AND ruled = $3");
        let counted = counted.bind(watch.model_name.as_str()).bind(watch.environment.as_str());
        let Some(row) = self.database.optional(counted.bind(watch.ruled.cast_signed())).await? else { return Ok(None) };
        let counted: Option<String> = Fields(&row).get("watch")?;
        Ok(Some((place, counted.and_then(|counted| serde_json::from_str(&counted).ok()))))
    }

    /// Keeps what was counted of a candidate, and what its rules come to so far, unless it has other rules by now.
    pub async fn note_watch(&self, watch: &CanaryWatch, counted: &Value, verdict: &CanaryVerdict) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let note = sqlx::query(
            "UPDATE candidates SET watch = $4, verdict = $5
             WHERE model_name = $1 AND environment = $2 AND ruled = $3 AND served = 1",
        );
        let note = note.bind(watch.model_name.as_str()).bind(watch.environment.as_str()).bind(watch.ruled.cast_signed());
        write.run(note.bind(counted.to_string()).bind(json(verdict)?)).await?;
        write.commit().await
    }

    /// Makes a change of a candidate durable, and answers what it is now.
    async fn committed(&self, mut write: Write, lock: &DeploymentLock) -> Result<Candidate, StoreError> {
        let candidate = here(&mut write, lock).await?.ok_or(StoreError::NotFound)?;
        write.commit().await?;
        Ok(candidate)
    }
}

/// What is tried at a lock's place.
async fn here(write: &mut Write, lock: &DeploymentLock) -> Result<Option<Candidate>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {} WHERE c.model_name = $1 AND c.environment = $2", beside!());
    let query = sqlx::query(AssertSqlSafe(sql)).bind(lock.model.as_str()).bind(lock.environment.as_str());
    write.optional(query).await?.as_ref().map(candidate).transpose()
}

/// Writes a candidate beside a deployment, in place of another one.
async fn put(write: &mut Write, beside: &Deployment, new: &Candidate) -> Result<(), StoreError> {
    let remove = sqlx::query("DELETE FROM candidates WHERE model_name = $1 AND environment = $2");
    write.run(remove.bind(beside.model.as_str()).bind(beside.environment.as_str())).await?;
    let insert = sqlx::query(
        "INSERT INTO candidates (model_name, environment, beside, generation, version, pipeline_id, uri, sha256, metrics,
             weight, shadow, since, started_by, changed, rules, ruled, verdict)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(beside.model.as_str())
    .bind(beside.environment.as_str())
    .bind(beside.generation.cast_signed())
    .bind(new.deployment.generation.cast_signed())
    .bind(new.deployment.version.cast_signed())
    .bind(new.deployment.pipeline_id.to_string())
    .bind(&new.deployment.uri)
    .bind(&new.deployment.sha256)
    .bind(json(&new.deployment.metrics)?)
    .bind(i64::from(new.weight))
    .bind(i64::from(new.shadow))
    .bind(write.now)
    .bind(&new.by)
    .bind(new.changed.cast_signed())
    .bind(optional(new.rules.as_ref())?)
    .bind(new.ruled.cast_signed())
    .bind(optional(new.verdict.as_ref())?);
    write.run(insert).await.map(drop)
}

/// Has a task look whether a candidate keeps to its rules.
async fn watch(write: &mut Write, candidate: &Candidate) -> Result<(), StoreError> {
    if candidate.rules.is_some() {
        let Deployment { model, environment, .. } = candidate.deployment.clone();
        let watch = CanaryWatch { model_name: model, environment, ruled: candidate.ruled };
        tasks::create(write, &NewTask::soon(TaskPayload::Canary(watch))).await?;
    }
    Ok(())
}

fn optional(value: Option<&impl Serialize>) -> Result<Option<String>, StoreError> {
    value.map(json).transpose()
}

fn candidate(row: &AnyRow) -> Result<Candidate, StoreError> {
    let fields = Fields(row);
    let is_there = |column| Ok::<_, StoreError>(fields.get::<Option<String>>(column)?.is_some());
    Ok(Candidate {
        deployment: deployment(row)?,
        weight: fields.times("weight")?,
        shadow: fields.times("shadow")?,
        by: fields.get("started_by")?,
        changed: fields.count("changed")?,
        rules: is_there("rules")?.then(|| fields.json("rules")).transpose()?,
        ruled: fields.count("ruled")?,
        verdict: is_there("verdict")?.then(|| fields.json("verdict")).transpose()?,
    })
}
