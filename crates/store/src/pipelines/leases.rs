//! Leases: which worker holds a pipeline.
//!
//! A lease has a number that grows with every holder. Every write of a worker carries it, and bounces with
//! [`StoreError::Fenced`] once the lease was released or taken over, so a worker that was only thought dead cannot
//! undo what its successor does. When a lease ends is measured by the database's clock: those of the workers may differ.

use std::time::Duration;

use contract::PipelineId;
use sqlx::AssertSqlSafe;

use crate::{
    Pipelines, StoreError,
    db::database::{Database, Query, Write},
    db::fields::{Fields, millis},
    pipelines::jobs,
};

/// The right to carry a pipeline on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The pipeline.
    pub pipeline_id: PipelineId,
    /// The number of this lease; later leases of the pipeline have greater ones.
    pub token: i64,
    /// Who holds it.
    pub owner: String,
    /// How often a holder of this pipeline was lost since it was created or retried, or last ended a phase well.
    pub takeovers: u32,
}

/// What a worker hears when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseState {
    /// Whether somebody asked for the pipeline to end.
    pub cancel_requested: bool,
}

impl Lease {
    /// The lease that a row of its pipeline tells of.
    pub(crate) fn of(fields: &Fields<'_>, pipeline_id: PipelineId, owner: &str) -> Result<Self, StoreError> {
        let (token, takeovers) = (fields.get("lease_token")?, fields.times("takeovers")?);
        Ok(Self { pipeline_id, token, owner: owner.to_owned(), takeovers })
    }
}

impl Pipelines {
    /// Goes on with lease number `token` of a pipeline under a name of one's own, for whom its holder made that lease
    /// over to. The earlier holder's writes bounce from then on; it does not count as lost, also if its time was over.
    /// `None` if the lease was given back, ended or taken by another.
    pub async fn adopt_lease(
        &self,
        id: PipelineId,
        token: i64,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let adopt = sqlx::query(
            "UPDATE pipelines SET lease_token = lease_token + 1, lease_owner = $2, lease_expires_at = $3
             WHERE id = $1 AND status = 'running' AND lease_owner IS NOT NULL AND lease_token = $4
             RETURNING lease_token, takeovers",
        );
        self.hand_over(id, owner, ttl, adopt, |query| query.bind(token)).await
    }

    /// Takes a pipeline at once from a holder that is known to be gone, which counts as lost. `None` if that one does
    /// not hold it.
    pub async fn take_from(
        &self,
        id: PipelineId,
        gone: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let take = sqlx::query(
            "UPDATE pipelines SET lease_token = lease_token + 1, lease_owner = $2, lease_expires_at = $3,
                 takeovers = takeovers + 1
             WHERE id = $1 AND status = 'running' AND lease_owner = $4
             RETURNING lease_token, takeovers",
        );
        self.hand_over(id, owner, ttl, take, |query| query.bind(gone)).await
    }

    async fn hand_over<'q>(
        &self,
        id: PipelineId,
        owner: &str,
        ttl: Duration,
        query: Query<'q>,
        from: impl FnOnce(Query<'q>) -> Query<'q>,
    ) -> Result<Option<Lease>, StoreError> {
        let mut write = self.database.write().await?;
        let query = query.bind(id.to_string()).bind(owner).bind(write.now.saturating_add(millis(ttl)));
        let row = write.optional(from(query)).await?;
        write.commit().await?;
        row.map(|row| Lease::of(&Fields(&row), id, owner)).transpose()
    }

    /// Keeps a lease for another `ttl` from now.
    pub async fn renew_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseState, StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let renew = sqlx::query("UPDATE pipelines SET lease_expires_at = $2 WHERE id = $1 RETURNING cancel_requested")
            .bind(lease.pipeline_id.to_string())
            .bind(write.now.saturating_add(millis(ttl)));
        let row = write.one(renew).await?;
        write.commit().await?;
        Ok(LeaseState { cancel_requested: Fields(&row).flag("cancel_requested")? })
    }

    /// The number of a pipeline's last lease; `None` once it has ended.
    pub async fn lease_number(&self, id: PipelineId) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query("SELECT lease_token FROM pipelines WHERE id = $1 AND status IN ('queued', 'running')");
        let row = self.database.optional(query.bind(id.to_string())).await?;
        row.map(|row| Fields(&row).get("lease_token")).transpose()
    }

    /// Whether somebody asked for a pipeline to end, for whoever does not hold its lease.
    pub async fn cancel_requested(&self, id: PipelineId) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT cancel_requested FROM pipelines WHERE id = $1").bind(id.to_string());
        let row = self.database.optional(query).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).flag("cancel_requested")
    }

    /// Gives a pipeline back unfinished, for another worker to carry on at once.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let release = sqlx::query("UPDATE pipelines SET lease_owner = NULL, lease_expires_at = NULL WHERE id = $1");
        write.run(release.bind(lease.pipeline_id.to_string())).await?;
        jobs::needed(&mut write, lease.pipeline_id).await?;
        write.commit().await
    }

    /// Ends every lease, for the start of a process that knows its one predecessor to be dead. Each counts as a
    /// holder lost.
    pub async fn release_all_leases(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let release = sqlx::query(
            "UPDATE pipelines SET lease_owner = NULL, lease_expires_at = NULL, takeovers = takeovers + 1
             WHERE lease_owner IS NOT NULL AND status = 'running'",
        );
        write.run(release).await?;
        // The queue may have lost what it was handed.
        jobs::resend_all(&mut write).await?;
        write.commit().await
    }
}

/// Begins a write in the name of a lease. Nobody can take the lease over before the write's end.
pub(crate) async fn fenced(database: &Database, lease: &Lease) -> Result<Write, StoreError> {
    let mut write = database.write().await?;
    let sql = format!(
        "SELECT lease_token FROM pipelines WHERE id = $1 AND lease_token = $2 AND lease_owner = $3{}",
        write.dialect.locked()
    );
    let held = sqlx::query(AssertSqlSafe(sql)).bind(lease.pipeline_id.to_string()).bind(lease.token).bind(&lease.owner);
    if write.optional(held).await?.is_some() { Ok(write) } else { Err(StoreError::Fenced) }
}
