//! What notebooks of a repository ask for by name: sealed, and opened for a run alone.

use contract::{RepoName, RunSecrets, SECRETS_PER_REPO, SecretName};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use crate::{
    Intake, StoreError,
    db::{fields::Fields, sealing},
};

/// A secret of a repository, without what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunSecret {
    /// Its name.
    pub name: SecretName,
    /// Who set it last.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
}

impl Intake {
    /// The secrets of a repository, by name.
    pub async fn run_secrets(&self, repo: &RepoName) -> Result<Vec<RunSecret>, StoreError> {
        let query = sqlx::query("SELECT name, set_by, set_at FROM run_secrets WHERE repo = $1 ORDER BY name");
        self.database.all(query.bind(repo.as_str())).await?.iter().map(run_secret).collect()
    }

    /// Sets a secret of a registered repository. [`StoreError::Conflict`] if it has too many, [`StoreError::Sealed`] without a
    /// key to seal it with.
    pub async fn set_run_secret(&self, repo: &RepoName, name: &SecretName, value: &str, by: &str) -> Result<(), StoreError> {
        let keys = self.keys.as_ref().ok_or_else(sealing::no_keys)?;
        let sealed = keys.seal(value, &belongs_to(repo.as_str(), name.as_str()))?;
        let mut write = self.database.write().await?;
        // Who sets another one waits, so that there are never too many.
        let locked = format!("SELECT id FROM repos WHERE full_name = $1{}", write.dialect.locked());
        write.one(sqlx::query(AssertSqlSafe(locked)).bind(repo.as_str())).await?;
        let others = "SELECT COUNT(*) AS others FROM run_secrets WHERE repo = $1 AND name <> $2";
        let others = write.one(sqlx::query(others).bind(repo.as_str()).bind(name.as_str())).await?;
        if Fields(&others).count("others")? >= SECRETS_PER_REPO {
            write.undo().await?;
            return Err(StoreError::Conflict);
        }
        let set = sqlx::query(
            "INSERT INTO run_secrets (repo, name, sealed, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (repo, name) DO UPDATE SET sealed = $3, set_by = $4, set_at = $5",
        );
        let set = set.bind(repo.as_str()).bind(name.as_str()).bind(sealed).bind(by).bind(write.now);
        write.run(set).await?;
        write.commit().await
    }

    /// Removes a secret. [`StoreError::NotFound`] if there is none of this name.
    pub async fn remove_run_secret(&self, repo: &RepoName, name: &SecretName) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let delete = sqlx::query("DELETE FROM run_secrets WHERE repo = $1 AND name = $2");
        let deleted = write.run(delete.bind(repo.as_str()).bind(name.as_str())).await?;
        write.commit().await?;
        if deleted == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Opens secrets for a run. Those that the repository does not have are missing in the answer.
    pub async fn open_run_secrets(&self, repo: &RepoName, names: &[SecretName]) -> Result<RunSecrets, StoreError> {
        let mut opened = RunSecrets::default();
        for name in names {
            let query = sqlx::query("SELECT sealed FROM run_secrets WHERE repo = $1 AND name = $2");
            let Some(row) = self.database.optional(query.bind(repo.as_str()).bind(name.as_str())).await? else { continue };
            let sealed: String = Fields(&row).get("sealed")?;
            opened.0.insert(
                name.clone(),
                sealing::open(self.keys.as_ref(), &sealed, &belongs_to(repo.as_str(), name.as_str()))?,
            );
        }
        Ok(opened)
    }
}

fn run_secret(row: &AnyRow) -> Result<RunSecret, StoreError> {
    let fields = Fields(row);
    Ok(RunSecret { name: fields.parsed("name")?, set_by: fields.get("set_by")?, set_at: fields.time("set_at")? })
}

/// What a sealed secret opens for.
pub(super) fn belongs_to<'a>(repo: &'a str, name: &'a str) -> [&'a str; 3] {
    ["run", repo, name]
}
