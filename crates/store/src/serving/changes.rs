//! Changes of what is deployed: by a push, a promotion or a rollback, and back again.
//!
//! Each holds its model's lock in that environment, is noted there in the same transaction, and answers what it took the
//! place of.

use contract::{Environment, ModelName, PipelineId};
use jiff::Timestamp;

use crate::{
    Change, Deployment, DeploymentLock, Lease, NewDeployment, Serving, StoreError,
    db::database::Write,
    db::fields::Fields,
    pipelines::leases::fenced,
    serving::deployments::{Cause, Ended, current, deploy, deployment, end, next_generation, of_history, previous_of},
    serving::locks::{hold, locked, note},
};

/// What became of a push's deployment.
#[derive(Debug, Clone, PartialEq)]
pub enum Pushed {
    /// It is the current one.
    Current(Box<Change>),
    /// A pipeline created later has deployed already, and nothing changed: deploys never go backwards.
    Newer {
        /// What is deployed.
        version: u64,
    },
    /// A person rolled back this pipeline's version, or one of a pipeline created later, and nothing changed: only a newer
    /// push comes after that.
    RolledBack,
}

impl Serving {
    /// Makes a version of the leased pipeline the current one, unless one of a pipeline created later is, or was until a
    /// person rolled it back.
    ///
    /// The same version of the same pipeline again, after a crash, is still the same deployment: it has the same
    /// generation, so that servers that loaded it have nothing to do. Another version of the same pipeline is a new
    /// one, which a rollback leaves for the same previous one.
    pub async fn push(&self, lock: &DeploymentLock, lease: &Lease, new: NewDeployment) -> Result<Pushed, StoreError> {
        // The lease comes before the lock, as where the lock is taken: nobody waits for another in a circle.
        let mut write = fenced(&self.database, lease).await?;
        hold(&mut write, lock).await?;
        let place = (&lock.model, &lock.environment);
        let (mut replaced, mut before) = (None, None);
        if let Some((current, previous)) = current(&mut write, place).await? {
            if current.pipeline_id > lease.pipeline_id {
                write.undo().await?;
                return Ok(Pushed::Newer { version: current.version });
            }
            let ours = current.pipeline_id == lease.pipeline_id;
            if ours && (current.version, &current.uri, &current.sha256) == (new.version, &new.uri, &new.sha256) {
                let previous = replaced_by(&mut write, &current).await?;
                return made(write, lock, current.generation, previous).await.map(Pushed::current);
            }
            before = if ours { previous } else { Some(current.generation.cast_signed()) };
            replaced = Some(current);
        }
        if rolled_back(&mut write, place).await?.is_some_and(|newest| newest >= lease.pipeline_id) {
            write.undo().await?;
            return Ok(Pushed::RolledBack);
        }
        let generation = next_generation(&mut write).await?;
        if let Some(replaced) = &replaced {
            end(&mut write, replaced.generation, Ended::Replaced).await?;
        }
        let deployment = Deployment {
            model: lock.model.clone(),
            environment: lock.environment.clone(),
            version: new.version,
            pipeline_id: lease.pipeline_id,
            uri: new.uri,
            sha256: new.sha256,
            metrics: new.metrics,
            deployed_at: Timestamp::UNIX_EPOCH,
            generation,
        };
        deploy(&mut write, &deployment, before, Cause::Push).await?;
        made(write, lock, generation, replaced).await.map(Pushed::current)
    }

    /// Makes a deployment of another environment, whose files are at this `uri` now, the current one of the lock's
    /// environment. `None`, and nothing changes, if that version is there already.
    pub async fn promote(&self, lock: &DeploymentLock, deployment: Deployment) -> Result<Option<Change>, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let replaced = current(&mut write, (&lock.model, &lock.environment)).await?.map(|(current, _)| current);
        let same = |replaced: &Deployment| (replaced.version, &replaced.sha256) == (deployment.version, &deployment.sha256);
        if replaced.as_ref().is_some_and(same) {
            write.undo().await?;
            return Ok(None);
        }
        let generation = next_generation(&mut write).await?;
        if let Some(replaced) = &replaced {
            end(&mut write, replaced.generation, Ended::Replaced).await?;
        }
        let deployment = Deployment { environment: lock.environment.clone(), generation, ..deployment };
        let before = replaced.as_ref().map(|replaced| replaced.generation.cast_signed());
        deploy(&mut write, &deployment, before, Cause::Promotion).await?;
        made(write, lock, generation, replaced).await.map(Some)
    }

    /// What a rollback would make the current deployment of a model in an environment.
    pub async fn rollback_target(
        &self,
        model: &ModelName,
        environment: &Environment,
    ) -> Result<Option<Deployment>, StoreError> {
        let query = sqlx::query(
            "SELECT f.generation, f.model_name, f.environment, f.version, f.pipeline_id, f.uri, f.sha256, f.metrics, f.deployed_at
             FROM deployments d JOIN deployment_history h ON h.generation = d.generation
                 JOIN deployment_history f ON f.generation = h.former
             WHERE d.model_name = $1 AND d.environment = $2",
        );
        let row = self.database.optional(query.bind(model.as_str()).bind(environment.as_str())).await?;
        row.as_ref().map(deployment).transpose()
    }

    /// Makes the model's previous deployment the current one again, under a new generation and with its own previous one,
    /// so that the next rollback goes further back. `None`, and nothing changes, if `target` is not what a rollback of the
    /// current deployment leads to.
    pub async fn roll_back(&self, lock: &DeploymentLock, target: &Deployment) -> Result<Option<Change>, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let found = current(&mut write, (&lock.model, &lock.environment)).await?;
        let Some((replaced, Some(_))) = found.filter(|(_, before)| *before == Some(target.generation.cast_signed())) else {
            write.undo().await?;
            return Ok(None);
        };
        let generation = next_generation(&mut write).await?;
        end(&mut write, replaced.generation, Ended::RolledBack).await?;
        let before = previous_of(&mut write, target.generation).await?;
        let deployment = Deployment { generation, ..target.clone() };
        deploy(&mut write, &deployment, before, Cause::Rollback).await?;
        made(write, lock, generation, Some(replaced)).await.map(Some)
    }

    /// Undoes a change: what it took the place of is the current deployment again, under a new generation; without such,
    /// nothing is deployed there any more. `false`, and nothing changes, if it is not the current one.
    pub async fn undo(&self, lock: &DeploymentLock, change: &Deployment) -> Result<bool, StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let found = current(&mut write, (&lock.model, &lock.environment)).await?;
        if found.is_none_or(|(current, _)| current.generation != change.generation) {
            write.undo().await?;
            return Ok(false);
        }
        let next = next_generation(&mut write).await?;
        let back = replaced_by(&mut write, change).await?;
        end(&mut write, change.generation, Ended::Reverted).await?;
        if let Some(back) = back {
            let before = previous_of(&mut write, back.generation).await?;
            deploy(&mut write, &Deployment { generation: next, ..back }, before, Cause::Revert).await?;
        } else {
            let remove = sqlx::query("DELETE FROM deployments WHERE generation = $1");
            write.run(remove.bind(change.generation.cast_signed())).await?;
        }
        write.commit().await?;
        Ok(true)
    }
}

impl Pushed {
    fn current(change: Change) -> Self {
        Self::Current(Box::new(change))
    }
}

/// Notes a change in its lock, and makes both durable.
pub(super) async fn made(
    mut write: Write,
    lock: &DeploymentLock,
    generation: u64,
    previous: Option<Deployment>,
) -> Result<Change, StoreError> {
    note(&mut write, lock, generation).await?;
    let deployment = of_history(&mut write, Some(generation.cast_signed())).await?.ok_or(StoreError::NotFound)?;
    write.commit().await?;
    Ok(Change { deployment, previous })
}

/// What a deployment took the place of. One that ended because it could not be made to serve left nothing behind.
pub(crate) async fn replaced_by(write: &mut Write, deployment: &Deployment) -> Result<Option<Deployment>, StoreError> {
    let query = sqlx::query(
        "SELECT generation, ended_by FROM deployment_history
         WHERE model_name = $1 AND environment = $2 AND generation < $3 ORDER BY generation DESC LIMIT 1",
    )
    .bind(deployment.model.as_str())
    .bind(deployment.environment.as_str())
    .bind(deployment.generation.cast_signed());
    let Some(row) = write.optional(query).await? else { return Ok(None) };
    let fields = Fields(&row);
    let reverted = fields.get::<Option<String>>("ended_by")?.as_deref() == Some(Ended::Reverted.as_str());
    of_history(write, if reverted { None } else { fields.get("generation")? }).await
}

/// The newest pipeline whose version a person rolled back at a place.
async fn rolled_back(
    write: &mut Write,
    (model, environment): (&ModelName, &Environment),
) -> Result<Option<PipelineId>, StoreError> {
    let query = sqlx::query(
        "SELECT MAX(pipeline_id) AS newest FROM deployment_history
         WHERE model_name = $1 AND environment = $2 AND ended_by = 'rolled_back'",
    );
    Fields(&write.one(query.bind(model.as_str()).bind(environment.as_str())).await?).parsed_option("newest")
}
