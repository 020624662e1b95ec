//! Which tables and files the notebooks of a repository may reach.

use contract::{DataAccess, DataGrant, DataPlace, PLACES_PER_REPO, RepoName};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use crate::{Intake, StoreError, db::fields::Fields, schedules::read_again};

/// A place of data that the notebooks of a repository may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AllowedData {
    /// The place.
    pub place: DataPlace,
    /// What they may do with it.
    pub access: DataAccess,
    /// Who allowed it last.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
}

impl Intake {
    /// What the notebooks of a repository may reach, by name.
    pub async fn data_of(&self, repo: &RepoName) -> Result<Vec<AllowedData>, StoreError> {
        let query = sqlx::query("SELECT place, access, set_by, set_at FROM data_access WHERE repo = $1 ORDER BY place");
        self.database.all(query.bind(repo.as_str())).await?.iter().map(allowed).collect()
    }

    /// Allows the notebooks of a registered repository to reach a place. [`StoreError::Conflict`] if they may reach too many.
    pub async fn allow_data(&self, repo: &RepoName, grant: &DataGrant, by: &str) -> Result<(), StoreError> {
        let place = grant.place.to_string();
        let mut write = self.database.write().await?;
        // Who allows another one waits, so that there are never too many.
        let locked = format!("SELECT id FROM repos WHERE full_name = $1{}", write.dialect.locked());
        write.one(sqlx::query(AssertSqlSafe(locked)).bind(repo.as_str())).await?;
        let others = "SELECT COUNT(*) AS others FROM data_access WHERE repo = $1 AND place <> $2";
        let others = write.one(sqlx::query(others).bind(repo.as_str()).bind(&place)).await?;
        if Fields(&others).count("others")? >= PLACES_PER_REPO {
            write.undo().await?;
            return Err(StoreError::Conflict);
        }
        let set = sqlx::query(
            "INSERT INTO data_access (repo, place, access, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (repo, place) DO UPDATE SET access = $3, set_by = $4, set_at = $5",
        );
        let set = set.bind(repo.as_str()).bind(place).bind(grant.access.as_str()).bind(by).bind(write.now);
        write.run(set).await?;
        // Its files may be about tables that they might not.
        read_again(&mut write, repo).await?;
        write.commit().await
    }

    /// Keeps the notebooks of a repository from a place again. [`StoreError::NotFound`] if they might not reach it.
    pub async fn forbid_data(&self, repo: &RepoName, place: &DataPlace) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let delete = sqlx::query("DELETE FROM data_access WHERE repo = $1 AND place = $2");
        let deleted = write.run(delete.bind(repo.as_str()).bind(place.to_string())).await?;
        if deleted == 0 {
            write.undo().await?;
            return Err(StoreError::NotFound);
        }
        read_again(&mut write, repo).await?;
        write.commit().await
    }
}

fn allowed(row: &AnyRow) -> Result<AllowedData, StoreError> {
    let fields = Fields(row);
    Ok(AllowedData {
        place: fields.parsed("place")?,
        access: fields.word("access", DataAccess::from_word)?,
        set_by: fields.get("set_by")?,
        set_at: fields.time("set_at")?,
    })
}
