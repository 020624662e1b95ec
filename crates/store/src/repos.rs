//! The repositories whose pushes count.

use contract::RepoName;
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::{
    Store, StoreError,
    fields::{Fields, now},
};

/// A registered repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Its number.
    pub id: i64,
    /// Its name on the code host.
    pub full_name: RepoName,
    /// The branches that count: globs, separated by commas.
    pub branch: String,
    /// The notebooks that count: globs, separated by commas.
    pub notebook_glob: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl Store {
    /// Registers a repository. [`StoreError::Conflict`] if it already is.
    pub async fn add_repo(&self, full_name: &RepoName, branch: &str, notebook_glob: &str) -> Result<Repo, StoreError> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "INSERT INTO repos (id, full_name, branch, notebook_glob, created_at)
             VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM repos), $1, $2, $3, $4)
             RETURNING id, full_name, branch, notebook_glob, created_at",
        )
        .bind(full_name.as_str())
        .bind(branch)
        .bind(notebook_glob)
        .bind(now())
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        repo(&row)
    }

    /// All registered repositories, by name.
    pub async fn repos(&self) -> Result<Vec<Repo>, StoreError> {
        let rows = sqlx::query("SELECT id, full_name, branch, notebook_glob, created_at FROM repos ORDER BY full_name")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(repo).collect()
    }

    /// A repository by its number.
    pub async fn repo(&self, id: i64) -> Result<Option<Repo>, StoreError> {
        let row = sqlx::query("SELECT id, full_name, branch, notebook_glob, created_at FROM repos WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?;
        row.as_ref().map(repo).transpose()
    }

    /// A repository by its name.
    pub async fn repo_by_name(&self, full_name: &RepoName) -> Result<Option<Repo>, StoreError> {
        let row = sqlx::query("SELECT id, full_name, branch, notebook_glob, created_at FROM repos WHERE full_name = $1")
            .bind(full_name.as_str())
            .fetch_optional(self.reader())
            .await?;
        row.as_ref().map(repo).transpose()
    }

    /// Changes which branches and notebooks count; `None` leaves a setting as it is.
    pub async fn update_repo(&self, id: i64, branch: Option<&str>, notebook_glob: Option<&str>) -> Result<Repo, StoreError> {
        let mut write = self.write().await?;
        let row = sqlx::query(
            "UPDATE repos SET branch = COALESCE($2, branch), notebook_glob = COALESCE($3, notebook_glob) WHERE id = $1
             RETURNING id, full_name, branch, notebook_glob, created_at",
        )
        .bind(id)
        .bind(branch)
        .bind(notebook_glob)
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        repo(&row)
    }

    /// Forgets a repository. Its pipelines stay.
    pub async fn delete_repo(&self, id: i64) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let deleted = sqlx::query("DELETE FROM repos WHERE id = $1").bind(id).execute(&mut *write).await?.rows_affected();
        write.commit().await?;
        if deleted == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }
}

fn repo(row: &AnyRow) -> Result<Repo, StoreError> {
    let fields = Fields(row);
    Ok(Repo {
        id: fields.get("id")?,
        full_name: fields.parsed("full_name")?,
        branch: fields.get("branch")?,
        notebook_glob: fields.get("notebook_glob")?,
        created_at: fields.time("created_at")?,
    })
}
