//! Whose a model's name is: the repository's that registered it first, until somebody hands it over.

use std::collections::BTreeMap;

use contract::{ModelName, PipelineId, RepoName};

use crate::{
    Serving, StoreError,
    db::{database::Write, fields::Fields},
};

/// What became of a version that was to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is recorded.
    Yes,
    /// It is not: the model's name is this repository's.
    OwnedBy(RepoName),
}

impl Serving {
    /// The repository that a model's name belongs to; none of a name that nobody registered yet.
    pub async fn owner(&self, model: &ModelName) -> Result<Option<RepoName>, StoreError> {
        let query = sqlx::query("SELECT repo FROM model_owners WHERE model_name = $1").bind(model.as_str());
        self.database.optional(query).await?.map(|row| Fields(&row).parsed("repo")).transpose()
    }

    /// Whose the names of the deployed models are.
    pub async fn owners_of_deployed(&self) -> Result<BTreeMap<ModelName, RepoName>, StoreError> {
        let query = sqlx::query(
            "SELECT DISTINCT d.model_name, o.repo FROM deployments d JOIN model_owners o ON o.model_name = d.model_name",
        );
        let rows = self.database.all(query).await?;
        rows.iter().map(|row| Ok((Fields(row).parsed("model_name")?, Fields(row).parsed("repo")?))).collect()
    }

    /// Gives a model's name to another repository. What that one registers from now on is the model's next version.
    pub async fn hand_over(&self, model: &ModelName, repo: &RepoName) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let change = sqlx::query("UPDATE model_owners SET repo = $2, since = $3 WHERE model_name = $1");
        let changed = write.run(change.bind(model.as_str()).bind(repo.as_str()).bind(write.now)).await?;
        write.commit().await?;
        if changed == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }
}

/// Makes a name that is nobody's that of a pipeline's repository; answers whose it is where it is another one's.
pub(super) async fn own(write: &mut Write, model: &ModelName, pipeline: PipelineId) -> Result<Option<RepoName>, StoreError> {
    let first = sqlx::query(
        "INSERT INTO model_owners (model_name, repo, since) SELECT CAST($1 AS TEXT), repo, CAST($3 AS BIGINT) FROM pipelines
         WHERE id = $2
         ON CONFLICT (model_name) DO NOTHING",
    );
    let (name, id, now) = (model.as_str(), pipeline.to_string(), write.now);
    write.run(first.bind(name).bind(&id).bind(now)).await?;
    let other = sqlx::query(
        "SELECT o.repo FROM model_owners o JOIN pipelines p ON p.id = $2 WHERE o.model_name = $1 AND o.repo <> p.repo",
    );
    let other = write.all(other.bind(name).bind(&id)).await?;
    other.first().map(|row| Fields(row).parsed("repo")).transpose()
}
