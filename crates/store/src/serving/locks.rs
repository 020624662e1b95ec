//! Locks: one roll-out at a time of a model in an environment.
//!
//! Whoever changes what is deployed holds the lock, under a name that nobody else ever has. Every write carries it, and
//! bounces with [`StoreError::Fenced`] once it was released, taken over or ran out. A change whose row is written is noted in
//! the lock until it came to its end, so that a lock which ran out tells what is left to be done.

use std::time::Duration;

use contract::{Environment, ModelName, PipelineId};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    Change, Lease, Serving, StoreError,
    db::database::{Database, Write},
    db::fields::{Fields, millis},
    pipelines::leases::fenced,
    serving::changes::replaced_by,
    serving::deployments::of_history,
};

/// The right to change what is deployed of a model in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentLock {
    /// The model.
    pub model: ModelName,
    /// The environment.
    pub environment: Environment,
    holder: String,
}

/// What became of the wish for a lock.
#[derive(Debug, Clone, PartialEq)]
pub enum Locked {
    /// It is ours, and nothing is left from before.
    Free(DeploymentLock),
    /// It is ours, with a change that was cut off: that one is to be brought to its end first.
    Unfinished(DeploymentLock, Box<Change>),
    /// Somebody else has it.
    Held,
}

impl Serving {
    /// Takes the lock of a model in an environment for `ttl`.
    pub async fn lock(&self, model: &ModelName, environment: &Environment, ttl: Duration) -> Result<Locked, StoreError> {
        let write = self.database.write().await?;
        take(write, (model, environment), None, ttl).await
    }

    /// Takes the lock for a push, in the name of its pipeline's lease: also from an earlier lease of the same pipeline, whose
    /// holder is gone.
    pub async fn lock_for_push(
        &self,
        lease: &Lease,
        model: &ModelName,
        environment: &Environment,
        ttl: Duration,
    ) -> Result<Locked, StoreError> {
        let write = fenced(&self.database, lease).await?;
        take(write, (model, environment), Some(lease.pipeline_id), ttl).await
    }

    /// Keeps a lock for another `ttl` from now.
    pub async fn renew_lock(&self, lock: &DeploymentLock, ttl: Duration) -> Result<(), StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let renew = sqlx::query("UPDATE deployment_locks SET expires_at = $3 WHERE model_name = $1 AND environment = $2");
        let renew = renew.bind(lock.model.as_str()).bind(lock.environment.as_str());
        write.run(renew.bind(write.now.saturating_add(millis(ttl)))).await?;
        write.commit().await
    }

    /// Gives a lock back, and says thereby that a change which was made under it has come to its end.
    pub async fn unlock(&self, lock: &DeploymentLock) -> Result<(), StoreError> {
        let mut write = locked(&self.database, lock).await?;
        let release = sqlx::query("DELETE FROM deployment_locks WHERE model_name = $1 AND environment = $2");
        write.run(release.bind(lock.model.as_str()).bind(lock.environment.as_str())).await?;
        write.commit().await
    }

    /// Takes over a lock that ran out before its change came to its end, if there is one.
    pub async fn take_unfinished(&self, ttl: Duration) -> Result<Option<(DeploymentLock, Change)>, StoreError> {
        let sql = format!(
            "SELECT model_name, environment FROM deployment_locks
             WHERE expires_at <= {} AND generation IS NOT NULL ORDER BY expires_at LIMIT 1",
            self.database.dialect.clock()
        );
        let Some(found) = self.database.optional(sqlx::query(AssertSqlSafe(sql))).await? else { return Ok(None) };
        let fields = Fields(&found);
        match self.lock(&fields.parsed("model_name")?, &fields.parsed("environment")?, ttl).await? {
            Locked::Unfinished(lock, change) => Ok(Some((lock, *change))),
            // Somebody else was faster, and has brought it to its end.
            Locked::Free(lock) => self.unlock(&lock).await.map(|()| None),
            Locked::Held => Ok(None),
        }
    }

    /// Lets every lock run out now, for the start of a process that knows its one predecessor to be dead.
    pub async fn expire_locks(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        write.run(sqlx::query("UPDATE deployment_locks SET expires_at = 0")).await?;
        write.commit().await
    }
}

async fn take(
    mut write: Write,
    (model, environment): (&ModelName, &Environment),
    pipeline: Option<PipelineId>,
    ttl: Duration,
) -> Result<Locked, StoreError> {
    let holder = Uuid::new_v4().to_string();
    let lock = DeploymentLock { model: model.clone(), environment: environment.clone(), holder };
    let take = sqlx::query(
        "INSERT INTO deployment_locks (model_name, environment, holder, pipeline_id, expires_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (model_name, environment) DO UPDATE SET holder = excluded.holder, pipeline_id = excluded.pipeline_id,
             expires_at = excluded.expires_at
             WHERE deployment_locks.expires_at <= $6 OR deployment_locks.pipeline_id = excluded.pipeline_id
         RETURNING generation",
    )
    .bind(model.as_str())
    .bind(environment.as_str())
    .bind(&lock.holder)
    .bind(pipeline.map(|id| id.to_string()))
    .bind(write.now.saturating_add(millis(ttl)))
    .bind(write.now);
    let Some(row) = write.optional(take).await? else {
        write.undo().await?;
        return Ok(Locked::Held);
    };
    let unfinished = of_history(&mut write, Fields(&row).get("generation")?).await?;
    let change = match unfinished {
        Some(deployment) => {
            let previous = replaced_by(&mut write, &deployment).await?;
            Some(Box::new(Change { deployment, previous }))
        }
        None => None,
    };
    write.commit().await?;
    Ok(match change {
        Some(change) => Locked::Unfinished(lock, change),
        None => Locked::Free(lock),
    })
}

/// Begins a write in the name of a lock. Nobody can take the lock over before the write's end.
pub(crate) async fn locked(database: &Database, lock: &DeploymentLock) -> Result<Write, StoreError> {
    let mut write = database.write().await?;
    hold(&mut write, lock).await?;
    Ok(write)
}

/// Makes sure in a write that a lock is held, and stays so until the write's end.
pub(crate) async fn hold(write: &mut Write, lock: &DeploymentLock) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT holder FROM deployment_locks
         WHERE model_name = $1 AND environment = $2 AND holder = $3 AND expires_at > $4{}",
        write.dialect.locked()
    );
    let held = sqlx::query(AssertSqlSafe(sql)).bind(lock.model.as_str()).bind(lock.environment.as_str());
    let held = held.bind(&lock.holder).bind(write.now);
    if write.optional(held).await?.is_some() { Ok(()) } else { Err(StoreError::Fenced) }
}

/// Notes in a lock the change that was made under it.
pub(crate) async fn note(write: &mut Write, lock: &DeploymentLock, generation: u64) -> Result<(), StoreError> {
    let note = sqlx::query("UPDATE deployment_locks SET generation = $3 WHERE model_name = $1 AND environment = $2");
    let note = note.bind(lock.model.as_str()).bind(lock.environment.as_str()).bind(generation.cast_signed());
    write.run(note).await.map(drop)
}
