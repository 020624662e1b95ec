//! Promotions and rollbacks: what people change, one at a time in an environment.
//!
//! Whoever changes an environment holds its claim, by a name that nobody else ever has. Every write carries it, and bounces
//! with [`StoreError::Fenced`] once it was released, taken over or ran out. A change that was made is noted in the claim
//! until it came to its end, so that a claim which ran out tells what is left to be done.

use std::time::Duration;

use contract::{Environment, ModelName};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    Change, Deployment, Serving, StoreError,
    db::database::Write,
    db::fields::{Fields, millis},
    serving::deployments::{Cause, Ended, current, deployment, end, former_of, give_way, next_generation, of_history, put},
};

/// The right to change an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The environment.
    pub environment: Environment,
    holder: String,
}

impl Serving {
    /// Claims an environment for `ttl`. `None` while somebody else has it, or has left a change that is to be brought to
    /// its end first: see [`Serving::take_abandoned`].
    pub async fn claim_environment(&self, environment: &Environment, ttl: Duration) -> Result<Option<Claim>, StoreError> {
        let claim = Claim { environment: environment.clone(), holder: Uuid::new_v4().to_string() };
        let mut write = self.database.write().await?;
        let take = sqlx::query(
            "INSERT INTO environment_claims (environment, holder, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (environment) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
                 WHERE environment_claims.expires_at <= $4 AND environment_claims.generation IS NULL",
        )
        .bind(environment.as_str())
        .bind(&claim.holder)
        .bind(write.now.saturating_add(millis(ttl)))
        .bind(write.now);
        let taken = write.run(take).await? > 0;
        write.commit().await?;
        Ok(taken.then_some(claim))
    }

    /// Keeps a claim for another `ttl` from now.
    pub async fn renew_claim(&self, claim: &Claim, ttl: Duration) -> Result<(), StoreError> {
        let mut write = self.claimed(claim).await?;
        let renew = sqlx::query("UPDATE environment_claims SET expires_at = $2 WHERE environment = $1");
        let renew = renew.bind(claim.environment.as_str()).bind(write.now.saturating_add(millis(ttl)));
        write.run(renew).await?;
        write.commit().await
    }

    /// Gives an environment back, and says thereby that a change which was made in it has come to its end.
    pub async fn release_environment(&self, claim: &Claim) -> Result<(), StoreError> {
        let mut write = self.claimed(claim).await?;
        let release = sqlx::query("DELETE FROM environment_claims WHERE environment = $1");
        write.run(release.bind(claim.environment.as_str())).await?;
        write.commit().await
    }

    /// Takes over a claim that ran out before its change came to its end, if there is one.
    pub async fn take_abandoned(&self, ttl: Duration) -> Result<Option<(Claim, Change)>, StoreError> {
        let clock = self.database.dialect.clock();
        let sql = format!(
            "SELECT environment FROM environment_claims WHERE expires_at <= {clock} AND generation IS NOT NULL LIMIT 1"
        );
        let Some(found) = self.database.optional(sqlx::query(AssertSqlSafe(sql))).await? else { return Ok(None) };
        let claim = Claim { environment: Fields(&found).parsed("environment")?, holder: Uuid::new_v4().to_string() };
        let mut write = self.database.write().await?;
        let take = sqlx::query(
            "UPDATE environment_claims SET holder = $2, expires_at = $3
             WHERE environment = $1 AND expires_at <= $4 AND generation IS NOT NULL RETURNING generation",
        )
        .bind(claim.environment.as_str())
        .bind(&claim.holder)
        .bind(write.now.saturating_add(millis(ttl)))
        .bind(write.now);
        let Some(row) = write.optional(take).await? else {
            write.undo().await?;
            return Ok(None);
        };
        let deployment = of_history(&mut write, Fields(&row).get("generation")?).await?.ok_or(StoreError::NotFound)?;
        let former = replaced_by(&mut write, &deployment).await?;
        write.commit().await?;
        Ok(Some((claim, Change { deployment, former })))
    }

    /// Lets every claim run out now, for the start of a process that knows its one predecessor to be dead.
    pub async fn expire_claims(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        write.run(sqlx::query("UPDATE environment_claims SET expires_at = 0")).await?;
        write.commit().await
    }

    /// Makes a deployment of another environment, whose files are at this `uri` now, the current one of the claimed
    /// environment. `None`, and nothing changes, if that version is there already.
    pub async fn promote(&self, claim: &Claim, deployment: Deployment) -> Result<Option<Change>, StoreError> {
        let mut write = self.claimed(claim).await?;
        let generation = next_generation(&mut write).await?;
        let former = current(&mut write, (&deployment.model, &claim.environment)).await?.map(|(current, _)| current);
        if former.as_ref().is_some_and(|former| (former.version, &former.sha256) == (deployment.version, &deployment.sha256))
        {
            write.undo().await?;
            return Ok(None);
        }
        if let Some(former) = &former {
            end(&mut write, former.generation, Ended::Replaced).await?;
        }
        let deployment = Deployment { environment: claim.environment.clone(), generation, ..deployment };
        let before = former.as_ref().map(|former| former.generation.cast_signed());
        put(&mut write, &deployment, before, Cause::Promotion).await?;
        self.made(write, claim, generation, former).await.map(Some)
    }

    /// What a model's current deployment in an environment would give way to by a rollback.
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

    /// Puts the model's former deployment of the claimed environment back, under a new generation and with its own former
    /// one, so that the next rollback goes further back. `None`, and nothing changes, if `target` is not what the current
    /// deployment is to give way to.
    pub async fn roll_back(&self, claim: &Claim, target: &Deployment) -> Result<Option<Change>, StoreError> {
        let mut write = self.claimed(claim).await?;
        let generation = next_generation(&mut write).await?;
        let standing = current(&mut write, (&target.model, &claim.environment)).await?;
        let Some((former, Some(_))) = standing.filter(|(_, before)| *before == Some(target.generation.cast_signed())) else {
            write.undo().await?;
            return Ok(None);
        };
        end(&mut write, former.generation, Ended::RolledBack).await?;
        let before = former_of(&mut write, target.generation).await?;
        let deployment = Deployment { generation, ..target.clone() };
        put(&mut write, &deployment, before, Cause::Rollback).await?;
        self.made(write, claim, generation, Some(former)).await.map(Some)
    }

    /// Takes a change back, for what it took the place of, under a new generation; without such, nothing is deployed there
    /// any more. `false`, and nothing changes, if it is not the current one.
    pub async fn undo_change(&self, claim: &Claim, change: &Deployment) -> Result<bool, StoreError> {
        let mut write = self.claimed(claim).await?;
        let next = next_generation(&mut write).await?;
        let standing = current(&mut write, (&change.model, &claim.environment)).await?;
        if standing.is_none_or(|(current, _)| current.generation != change.generation) {
            write.undo().await?;
            return Ok(false);
        }
        let back = replaced_by(&mut write, change).await?.map(|back| back.generation.cast_signed());
        give_way(&mut write, change.generation, back, next).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Notes a change in its claim, and makes both durable.
    async fn made(
        &self,
        mut write: Write,
        claim: &Claim,
        generation: u64,
        former: Option<Deployment>,
    ) -> Result<Change, StoreError> {
        let note = sqlx::query("UPDATE environment_claims SET generation = $2 WHERE environment = $1");
        write.run(note.bind(claim.environment.as_str()).bind(generation.cast_signed())).await?;
        let deployment = of_history(&mut write, Some(generation.cast_signed())).await?.ok_or(StoreError::NotFound)?;
        write.commit().await?;
        Ok(Change { deployment, former })
    }

    /// Begins a write in the name of a claim. Nobody can take the claim over before the write's end.
    async fn claimed(&self, claim: &Claim) -> Result<Write, StoreError> {
        let mut write = self.database.write().await?;
        let sql = format!(
            "SELECT holder FROM environment_claims WHERE environment = $1 AND holder = $2 AND expires_at > $3{}",
            write.dialect.locked()
        );
        let held = sqlx::query(AssertSqlSafe(sql)).bind(claim.environment.as_str()).bind(&claim.holder).bind(write.now);
        if write.optional(held).await?.is_some() { Ok(write) } else { Err(StoreError::Fenced) }
    }
}

/// What a deployment took the place of. One that ended because it could not be made to serve left an empty place.
async fn replaced_by(write: &mut Write, deployment: &Deployment) -> Result<Option<Deployment>, StoreError> {
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
