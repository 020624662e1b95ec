//! Whose turn it is: how a worker comes to its next pipeline.

use std::time::Duration;

use contract::{CommitSha, PipelineId};
use sqlx::AssertSqlSafe;

use crate::{
    Lease, Pipelines, StoreError,
    db::database::Write,
    db::fields::{Fields, millis},
    pipelines::jobs,
};

/// How often a taker tries again whom another taker overtook.
const TRIES: usize = 10;

/// How many of those whose turn is next are looked at: others may be taking the first of them at this moment.
const LOOKED_AT: u32 = 64;

/// The pipelines that a worker may take at the moment `now`, how many of its repository are in workers' hands,
/// and when the repository's turn was: those
/// that lost their worker, and queued ones if no other of their notebook and branch runs; of queued pushes, the newest.
/// It reads each unfinished pipeline once.
pub(crate) fn waiting(now: &str) -> String {
    format!(
        "SELECT id, repo, branch, notebook_path, status, held, taken_at FROM (
             SELECT p.id, p.repo, branch, notebook_path, status, manual, lease_owner, lease_expires_at,
                 COUNT(CASE status WHEN 'running' THEN 1 END) OVER (PARTITION BY p.repo, branch, notebook_path) AS running,
                 MAX(CASE WHEN status = 'queued' AND manual = 0 THEN id END)
                     OVER (PARTITION BY p.repo, branch, notebook_path) AS newest,
                 COUNT(CASE WHEN lease_expires_at > {now} THEN 1 END) OVER (PARTITION BY p.repo) AS held,
                 COALESCE(t.taken_at, 0) AS taken_at
             FROM pipelines p LEFT JOIN turns t ON t.repo = p.repo WHERE p.status IN ('queued', 'running')) u
         WHERE (status = 'running' AND (lease_owner IS NULL OR lease_expires_at <= {now}))
             OR (status = 'queued' AND running = 0 AND (manual = 1 OR id = newest))"
    )
}

/// Why a push was cancelled for the sake of a newer one.
pub(crate) fn superseded_by(commit: &CommitSha) -> String {
    format!("superseded by the newer push of {}", commit.short())
}

impl Pipelines {
    /// Takes the pipeline whose turn it is, and marks it as running; `None` if there is none to take.
    ///
    /// Repositories take turns: first comes the one with the fewest pipelines in workers' hands, of those the one whose
    /// last start is longest ago. Of its pipelines, one that lost its worker comes first, then the oldest. At most one
    /// pipeline of a notebook on a branch runs at a time. Of queued pushes of a notebook on a branch the newest is taken and the
    /// older ones are cancelled; those by hand neither replace others nor are replaced.
    pub async fn take_next(&self, owner: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        for _ in 1..TRIES {
            match self.try_take_next(owner, ttl).await {
                // Another taker was a moment earlier with this one or with another of its notebook.
                Err(error) if error.is_crossed() => {}
                done => return done,
            }
        }
        match self.try_take_next(owner, ttl).await {
            Err(StoreError::Conflict) => Ok(None),
            done => done,
        }
    }

    async fn try_take_next(&self, owner: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let mut write = self.database.write().await?;
        let sql = format!(
            "SELECT c.id FROM (
                 SELECT id, held, taken_at, status FROM ({}) w
                 ORDER BY held, taken_at, status DESC, id LIMIT {LOOKED_AT}) n
             JOIN pipelines c ON c.id = n.id
             WHERE c.status IN ('queued', 'running')
                 AND (c.status = 'queued' OR c.lease_owner IS NULL OR c.lease_expires_at <= $1)
             ORDER BY n.held, n.taken_at, n.status DESC, n.id LIMIT 1{}",
            waiting("$1"),
            write.dialect.unlocked()
        );
        let Some(row) = write.optional(sqlx::query(AssertSqlSafe(sql)).bind(write.now)).await? else {
            write.undo().await?;
            return Ok(None);
        };
        let lease = take(&mut write, Fields(&row).parsed("id")?, owner, ttl).await?.ok_or(StoreError::Conflict)?;
        write.commit().await?;
        Ok(Some(lease))
    }

    /// Takes this pipeline, if it is not finished, nobody holds it, and no other of its notebook and branch runs; marks
    /// it as running. `None` if it cannot be taken.
    pub async fn take_lease(&self, id: PipelineId, owner: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        let mut write = self.database.write().await?;
        match take(&mut write, id, owner, ttl).await {
            Ok(Some(lease)) => {
                write.commit().await?;
                Ok(Some(lease))
            }
            Ok(None) | Err(StoreError::Conflict) => {
                write.undo().await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Takes a pipeline that nobody holds. [`StoreError::Conflict`] if another of its notebook and branch runs.
async fn take(write: &mut Write, id: PipelineId, owner: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
    let take = sqlx::query(
        "UPDATE pipelines SET status = 'running', lease_token = lease_token + 1,
             takeovers = takeovers + CASE WHEN lease_owner IS NULL THEN 0 ELSE 1 END,
             lease_owner = $2, lease_expires_at = $3, job_sent_at = NULL
         WHERE id = $1 AND status IN ('queued', 'running') AND (lease_owner IS NULL OR lease_expires_at <= $4)
         RETURNING lease_token, takeovers, repo, branch, commit_sha, notebook_path, manual",
    )
    .bind(id.to_string())
    .bind(owner)
    .bind(write.now.saturating_add(millis(ttl)))
    .bind(write.now);
    let Some(row) = write.optional(take).await? else { return Ok(None) };
    let fields = Fields(&row);
    let mut waiting_no_more = vec![id];
    if !fields.flag("manual")? {
        let older = sqlx::query(
            "UPDATE pipelines SET status = 'cancelled', reason = $4, finished_at = $5
             WHERE repo = $1 AND branch = $2 AND notebook_path = $3 AND status IN ('queued', 'running')
                 AND status = 'queued' AND manual = 0 AND id < $6
             RETURNING id",
        )
        .bind(fields.get::<String>("repo")?)
        .bind(fields.get::<String>("branch")?)
        .bind(fields.get::<String>("notebook_path")?)
        .bind(superseded_by(&fields.parsed("commit_sha")?))
        .bind(write.now)
        .bind(id.to_string());
        for row in write.all(older).await? {
            waiting_no_more.push(Fields(&row).parsed("id")?);
        }
    }
    jobs::unneeded(write, &waiting_no_more).await?;
    let turn = sqlx::query(
        "INSERT INTO turns (repo, taken_at) VALUES ($1, $2) ON CONFLICT (repo) DO UPDATE SET taken_at = excluded.taken_at",
    );
    write.run(turn.bind(fields.get::<String>("repo")?).bind(write.now)).await?;
    Lease::of(&fields, id, owner).map(Some)
}
