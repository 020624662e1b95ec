//! The repositories whose pushes count.

use std::collections::HashMap;

use contract::{RepoName, Scope};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, any::AnyRow};

use crate::{
    Intake, StoreError,
    db::{fields::Fields, scope, texts::Texts},
    schedules::read_again,
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
    /// Processors of the pod that a pipeline runs in, as a Kubernetes quantity; none: as the runner is set.
    pub cpu: Option<String>,
    /// Memory of that pod, as a Kubernetes quantity; none: as the runner is set.
    pub memory: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What is to change of a repository. `None` leaves a setting as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct RepoChange<'a> {
    /// The branches that count.
    pub branch: Option<&'a str>,
    /// The notebooks that count.
    pub notebook_glob: Option<&'a str>,
    /// Processors of a pipeline's pod; of these, none: as the runner is set.
    pub cpu: Option<Option<&'a str>>,
    /// Memory of a pipeline's pod; of these, none: as the runner is set.
    pub memory: Option<Option<&'a str>>,
}

impl Intake {
    /// Registers a repository. [`StoreError::Conflict`] if it already is.
    pub async fn add_repo(&self, full_name: &RepoName, branch: &str, notebook_glob: &str) -> Result<Repo, StoreError> {
        loop {
            match self.try_add_repo(full_name, branch, notebook_glob).await {
                // Another process may have registered a repository with this number, not this one.
                Err(StoreError::Conflict) if self.repo_by_name(full_name).await?.is_none() => {}
                done => return done,
            }
        }
    }

    async fn try_add_repo(&self, full_name: &RepoName, branch: &str, notebook_glob: &str) -> Result<Repo, StoreError> {
        let mut write = self.database.write().await?;
        let change = sqlx::query(
            "INSERT INTO repos (id, full_name, branch, notebook_glob, created_at)
             VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM repos), $1, $2, $3, $4)
             RETURNING id, full_name, branch, notebook_glob, cpu, memory, created_at",
        )
        .bind(full_name.as_str())
        .bind(branch)
        .bind(notebook_glob)
        .bind(write.now);
        let row = write.one(change).await?;
        // What is there before its first push counts; of the local remote, that push brings it.
        if !full_name.is_local() {
            read_again(&mut write, full_name).await?;
        }
        write.commit().await?;
        repo(&row)
    }

    /// All registered repositories of a scope, by name.
    pub async fn repos(&self, scope: &Scope) -> Result<Vec<Repo>, StoreError> {
        let mut texts = Texts::default();
        let theirs = scope::has_repo(self.database.dialect, scope, "full_name", &mut texts);
        let sql = format!(
            "SELECT id, full_name, branch, notebook_glob, cpu, memory, created_at FROM repos WHERE {theirs}
             ORDER BY full_name"
        );
        let rows = self.database.all(texts.bind(sqlx::query(AssertSqlSafe(sql)))).await?;
        rows.iter().map(repo).collect()
    }

    /// A repository by its number.
    pub async fn repo(&self, id: i64) -> Result<Option<Repo>, StoreError> {
        let query =
            sqlx::query("SELECT id, full_name, branch, notebook_glob, cpu, memory, created_at FROM repos WHERE id = $1");
        let row = self.database.optional(query.bind(id)).await?;
        row.as_ref().map(repo).transpose()
    }

    /// A repository by its name.
    pub async fn repo_by_name(&self, full_name: &RepoName) -> Result<Option<Repo>, StoreError> {
        let query = sqlx::query(
            "SELECT id, full_name, branch, notebook_glob, cpu, memory, created_at FROM repos WHERE full_name = $1",
        );
        let row = self.database.optional(query.bind(full_name.as_str())).await?;
        row.as_ref().map(repo).transpose()
    }

    /// When the last push of each registered repository of a scope arrived that ran something. Those without one are missing.
    pub async fn last_deliveries(&self, scope: &Scope) -> Result<HashMap<RepoName, Timestamp>, StoreError> {
        let pushes = self.last_pushes(scope).await?;
        Ok(pushes.into_iter().filter_map(|(_, name, at)| Some((name, at?))).collect())
    }

    /// How many repositories of a scope are registered, and those of them, by name, no push to which ever ran anything.
    pub async fn repos_without_push(&self, scope: &Scope) -> Result<(u64, Vec<(i64, RepoName)>), StoreError> {
        let pushes = self.last_pushes(scope).await?;
        let all = pushes.len() as u64;
        Ok((all, pushes.into_iter().filter(|(_, _, at)| at.is_none()).map(|(id, name, _)| (id, name)).collect()))
    }

    /// All registered repositories of a scope, by name, with the moment of the last push that ran something.
    async fn last_pushes(&self, scope: &Scope) -> Result<Vec<(i64, RepoName, Option<Timestamp>)>, StoreError> {
        let mut texts = Texts::default();
        let theirs = scope::has_repo(self.database.dialect, scope, "r.full_name", &mut texts);
        let sql = format!(
            "SELECT r.id, r.full_name, (
                 SELECT p.created_at FROM pipelines p
                 WHERE p.repo = r.full_name AND p.delivery_id IS NOT NULL AND p.finished_at IS NOT NULL
                 ORDER BY p.id DESC LIMIT 1) AS ended, (
                 SELECT MAX(p.created_at) FROM pipelines p
                 WHERE p.repo = r.full_name AND p.delivery_id IS NOT NULL AND p.status IN ('queued', 'running')) AS unfinished
             FROM repos r WHERE {theirs} ORDER BY r.full_name"
        );
        let pushed = |row| {
            let fields = Fields(row);
            let at = fields.time_option("ended")?.max(fields.time_option("unfinished")?);
            Ok((fields.get("id")?, fields.parsed("full_name")?, at))
        };
        self.database.all(texts.bind(sqlx::query(AssertSqlSafe(sql)))).await?.iter().map(pushed).collect()
    }

    /// Changes a repository's settings.
    pub async fn update_repo(&self, id: i64, change: RepoChange<'_>) -> Result<Repo, StoreError> {
        let mut write = self.database.write().await?;
        let rereads = change.branch.is_some();
        let change = sqlx::query(
            "UPDATE repos SET branch = COALESCE($2, branch), notebook_glob = COALESCE($3, notebook_glob),
                 cpu = CASE $4 WHEN 1 THEN $5 ELSE cpu END, memory = CASE $6 WHEN 1 THEN $7 ELSE memory END
             WHERE id = $1
             RETURNING id, full_name, branch, notebook_glob, cpu, memory, created_at",
        )
        .bind(id)
        .bind(change.branch)
        .bind(change.notebook_glob)
        .bind(i64::from(change.cpu.is_some()))
        .bind(change.cpu.flatten())
        .bind(i64::from(change.memory.is_some()))
        .bind(change.memory.flatten());
        let changed = repo(&write.one(change).await?)?;
        // Another branch may be the one whose files count.
        if rereads {
            read_again(&mut write, &changed.full_name).await?;
        }
        write.commit().await?;
        Ok(changed)
    }

    /// Forgets a repository, its secrets and what its notebooks may reach. Its pipelines stay; what its files declared goes.
    pub async fn delete_repo(&self, id: i64) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for what_belongs in [
            "DELETE FROM webhook_secrets WHERE repo = (SELECT full_name FROM repos WHERE id = $1)",
            "DELETE FROM run_secrets WHERE repo = (SELECT full_name FROM repos WHERE id = $1)",
            "DELETE FROM data_access WHERE repo = (SELECT full_name FROM repos WHERE id = $1)",
            "DELETE FROM declarations WHERE repo = (SELECT full_name FROM repos WHERE id = $1)",
        ] {
            write.run(sqlx::query(what_belongs).bind(id)).await?;
        }
        let delete = sqlx::query("DELETE FROM repos WHERE id = $1 RETURNING full_name");
        let Some(row) = write.optional(delete.bind(id)).await? else {
            write.undo().await?;
            return Err(StoreError::NotFound);
        };
        read_again(&mut write, &Fields(&row).parsed("full_name")?).await?;
        write.commit().await
    }
}

fn repo(row: &AnyRow) -> Result<Repo, StoreError> {
    let fields = Fields(row);
    Ok(Repo {
        id: fields.get("id")?,
        full_name: fields.parsed("full_name")?,
        branch: fields.get("branch")?,
        notebook_glob: fields.get("notebook_glob")?,
        cpu: fields.get("cpu")?,
        memory: fields.get("memory")?,
        created_at: fields.time("created_at")?,
    })
}
