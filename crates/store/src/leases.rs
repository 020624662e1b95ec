//! Leases: which worker holds a pipeline.
//!
//! A lease has a number that grows with every holder. Every write of a worker carries it, and bounces with
//! [`StoreError::Fenced`] once the lease was released or taken over, so a worker that was only thought dead cannot
//! undo what its successor does.

use std::time::Duration;

use contract::PipelineId;

use crate::{
    Store, StoreError,
    database::Write,
    fields::{Fields, millis, now},
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
    /// How often a holder of this pipeline was lost since it was created or retried.
    pub takeovers: u32,
}

/// What a worker hears when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseState {
    /// Whether somebody asked for the pipeline to end.
    pub cancel_requested: bool,
}

impl Store {
    /// Takes a pipeline that is not finished and that nobody holds, and marks it as running. `None` if there is
    /// nothing to take.
    pub async fn take_lease(&self, id: PipelineId, owner: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "UPDATE pipelines SET status = 'running', lease_token = lease_token + 1,
                 takeovers = takeovers + CASE WHEN lease_owner IS NULL THEN 0 ELSE 1 END,
                 lease_owner = $2, lease_expires_at = $3
             WHERE id = $1 AND status IN ('queued', 'running') AND (lease_owner IS NULL OR lease_expires_at <= $4)
             RETURNING lease_token, takeovers",
        )
        .bind(id.to_string())
        .bind(owner)
        .bind(now().saturating_add(millis(ttl)))
        .bind(now())
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        row.map(|row| {
            let fields = Fields(&row);
            Ok(Lease {
                pipeline_id: id,
                token: fields.get("lease_token")?,
                owner: owner.to_owned(),
                takeovers: fields.times("takeovers")?,
            })
        })
        .transpose()
    }

    /// Keeps a lease for another `ttl` from now.
    pub async fn renew_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseState, StoreError> {
        let mut write = self.fenced(lease).await?;
        let row = sqlx::query("UPDATE pipelines SET lease_expires_at = $2 WHERE id = $1 RETURNING cancel_requested")
            .bind(lease.pipeline_id.to_string())
            .bind(now().saturating_add(millis(ttl)))
            .fetch_one(&mut *write)
            .await?;
        write.commit().await?;
        Ok(LeaseState { cancel_requested: Fields(&row).flag("cancel_requested")? })
    }

    /// Gives a pipeline back unfinished, for another worker to carry on at once.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut write = self.fenced(lease).await?;
        sqlx::query("UPDATE pipelines SET lease_owner = NULL, lease_expires_at = NULL, job_sent_at = NULL WHERE id = $1")
            .bind(lease.pipeline_id.to_string())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Ends every lease, for the start of a process that knows its one predecessor to be dead. Each counts as a
    /// holder lost.
    pub async fn release_all_leases(&self) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(
            "UPDATE pipelines SET lease_owner = NULL, lease_expires_at = NULL, job_sent_at = NULL, takeovers = takeovers + 1
             WHERE lease_owner IS NOT NULL",
        )
        .execute(&mut *write)
        .await?;
        // The queue may have lost what it was handed.
        sqlx::query("UPDATE pipelines SET job_sent_at = NULL WHERE status IN ('queued', 'running')")
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Begins a write in the name of a lease.
    pub(crate) async fn fenced(&self, lease: &Lease) -> Result<Write, StoreError> {
        let mut write = self.write().await?;
        // An update, though it changes nothing: it locks the row until the end of the write.
        let held =
            sqlx::query("UPDATE pipelines SET lease_token = $2 WHERE id = $1 AND lease_token = $2 AND lease_owner = $3")
                .bind(lease.pipeline_id.to_string())
                .bind(lease.token)
                .bind(&lease.owner)
                .execute(&mut *write)
                .await?
                .rows_affected();
        if held == 1 { Ok(write) } else { Err(StoreError::Fenced) }
    }
}
