//! What the deliveries of each repository are signed with.
//!
//! The signature is computed with the secret, so a hash of it would not do: it is kept sealed or, as long as there is no key, as
//! it is. Nothing but [`Intake::webhook_secrets`] gives it out.

use std::{fmt, time::Duration};

use contract::RepoName;
use sqlx::{AssertSqlSafe, any::AnyRow};

use crate::{
    Intake, StoreError,
    db::{
        fields::{Fields, millis},
        sealing,
    },
};

/// A secret that a repository's deliveries may be signed with now.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookSecret {
    /// One of its own.
    Own(String),
    /// The one that all repositories have that have none of their own.
    Shared,
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(_) => "Own(***)",
            Self::Shared => "Shared",
        })
    }
}

impl Intake {
    /// The secrets of a repository that are valid now, the one in force first; [`WebhookSecret::Shared`] where it has none of
    /// its own. [`StoreError::Sealed`] where no key opens one.
    pub async fn webhook_secrets(&self, repo: &RepoName) -> Result<Vec<WebhookSecret>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(format!(
            "SELECT secret FROM webhook_secrets WHERE repo = $1 AND (expires_at IS NULL OR expires_at > {})
             ORDER BY CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END, created_at DESC",
            self.database.dialect.clock(),
        )));
        let rows = self.database.all(query.bind(repo.as_str())).await?;
        if rows.is_empty() {
            return Ok(vec![WebhookSecret::Shared]);
        }
        rows.iter().map(|row| self.webhook_secret(repo, row)).collect()
    }

    /// Gives a repository a new secret. The one in force until now stays valid for so long; an older one ceases to be.
    pub async fn add_webhook_secret(&self, repo: &RepoName, secret: &str, old: Duration) -> Result<(), StoreError> {
        let secret = match &self.keys {
            Some(keys) => keys.seal(secret, &belongs_to(repo))?,
            None => secret.to_owned(),
        };
        let mut write = self.database.write().await?;
        let until = write.now.saturating_add(millis(old));
        let older = "DELETE FROM webhook_secrets WHERE repo = $1 AND expires_at IS NOT NULL";
        write.run(sqlx::query(older).bind(repo.as_str())).await?;
        let expire = sqlx::query("UPDATE webhook_secrets SET expires_at = $2 WHERE repo = $1");
        let had_one = write.run(expire.bind(repo.as_str()).bind(until)).await? > 0;
        let insert = "INSERT INTO webhook_secrets (repo, secret, created_at, expires_at) VALUES ($1, $2, $3, $4)";
        if !had_one && !old.is_zero() {
            let shared = sqlx::query(insert).bind(repo.as_str()).bind("").bind(write.now).bind(until);
            write.run(shared).await?;
        }
        let new = sqlx::query(insert).bind(repo.as_str()).bind(secret).bind(write.now).bind(None::<i64>);
        write.run(new).await?;
        write.commit().await
    }

    /// Makes only the secret in force valid.
    pub async fn remove_old_webhook_secret(&self, repo: &RepoName) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let older = "DELETE FROM webhook_secrets WHERE repo = $1 AND expires_at IS NOT NULL";
        write.run(sqlx::query(older).bind(repo.as_str())).await?;
        write.commit().await
    }

    fn webhook_secret(&self, repo: &RepoName, row: &AnyRow) -> Result<WebhookSecret, StoreError> {
        let stored: String = Fields(row).get("secret")?;
        if stored.is_empty() {
            return Ok(WebhookSecret::Shared);
        }
        sealing::open(self.keys.as_ref(), &stored, &belongs_to(repo)).map(WebhookSecret::Own)
    }
}

/// What a sealed secret opens for.
pub(super) fn belongs_to(repo: &RepoName) -> [&str; 3] {
    ["webhook", repo.as_str(), ""]
}
