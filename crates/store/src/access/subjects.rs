//! What a request is about: the repository and the model that something belongs to, and where a model serves.

use contract::{Environment, ModelName, PipelineId, RepoName};

use super::Access;
use crate::{StoreError, db::fields::Fields, serving::candidates::beside};

/// What something belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The repository.
    pub repo: RepoName,
    /// The model, where one is known.
    pub model: Option<ModelName>,
}

impl Access {
    /// What a pipeline belongs to.
    pub async fn pipeline_subject(&self, id: PipelineId) -> Result<Option<Subject>, StoreError> {
        let query = sqlx::query("SELECT repo, model_name FROM pipelines WHERE id = $1").bind(id.to_string());
        let Some(row) = self.database.optional(query).await? else { return Ok(None) };
        Ok(Some(Subject { repo: Fields(&row).parsed("repo")?, model: Fields(&row).parsed_option("model_name")? }))
    }

    /// Where a model serves, with which versions.
    pub async fn model_places(&self, model: &ModelName) -> Result<Vec<(Environment, u64)>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT environment, version FROM deployments WHERE model_name = $1
             UNION ALL SELECT c.environment, c.version FROM ",
            beside!(),
            " WHERE c.model_name = $1 AND c.served = 1"
        ));
        let rows = self.database.all(query.bind(model.to_string())).await?;
        rows.iter().map(|row| Ok((Fields(row).parsed("environment")?, Fields(row).count("version")?))).collect()
    }
}
