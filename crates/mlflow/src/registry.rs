//! The registry: models by name, their versions, and aliases that point at one.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use crate::{Client, MlflowError, number, runs};

#[derive(Deserialize)]
struct One {
    model_version: Version,
}

#[derive(Deserialize)]
struct Many {
    #[serde(default)]
    model_versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(deserialize_with = "number::integer")]
    version: i64,
}

impl Version {
    fn number(&self) -> Result<u64, MlflowError> {
        u64::try_from(self.version).map_err(|_| MlflowError::Malformed { reason: format!("version {}", self.version) })
    }
}

impl Client {
    /// Registers a model's name where it is not yet.
    pub async fn ensure_registered_model(&self, name: &str) -> Result<(), MlflowError> {
        match self.post::<IgnoredAny>("registered-models/create", &json!({ "name": name })).await {
            Ok(_) | Err(MlflowError::AlreadyExists) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The versions of a model that a run made, ascending. Neither name nor run may contain quotes.
    pub async fn find_versions_by_run(&self, name: &str, run_id: &str) -> Result<Vec<u64>, MlflowError> {
        let filter = format!("name = '{name}' AND run_id = '{run_id}'");
        let query = [("filter", filter.as_str()), ("max_results", "100")];
        let found: Many = self.get("model-versions/search", &query).await?;
        let mut versions = found.model_versions.iter().map(Version::number).collect::<Result<Vec<_>, _>>()?;
        versions.sort_unstable();
        Ok(versions)
    }

    /// Registers a logged model as the next version. Each call makes a new one: look first with
    /// [`find_versions_by_run`](Self::find_versions_by_run).
    pub async fn create_version(
        &self,
        name: &str,
        model_id: &str,
        run_id: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<u64, MlflowError> {
        let body = json!({
            "name": name,
            "source": format!("models:/{model_id}"),
            "model_id": model_id,
            "run_id": run_id,
            "tags": runs::pairs(tags),
        });
        self.post::<One>("model-versions/create", &body).await?.model_version.number()
    }

    /// Takes a version back. One that is not there is no error.
    pub async fn delete_version(&self, name: &str, version: u64) -> Result<(), MlflowError> {
        let body = json!({ "name": name, "version": version.to_string() });
        match self.delete::<IgnoredAny>("model-versions/delete", &body).await {
            Ok(_) | Err(MlflowError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Points an alias at a version.
    pub async fn set_alias(&self, name: &str, alias: &str, version: u64) -> Result<(), MlflowError> {
        let body = json!({ "name": name, "alias": alias, "version": version.to_string() });
        self.post::<IgnoredAny>("registered-models/alias", &body).await.map(drop)
    }

    /// Takes an alias back. One that is not there is no error.
    pub async fn delete_alias(&self, name: &str, alias: &str) -> Result<(), MlflowError> {
        let body = json!({ "name": name, "alias": alias });
        match self.delete::<IgnoredAny>("registered-models/alias", &body).await {
            Ok(_) | Err(MlflowError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Points an alias at the version that `current` names, or takes it back where that is none. MLflow has no order of
    /// changes, so `current` is asked again afterwards, until it names the same: another change may have come between.
    pub async fn align_alias<E, F>(&self, name: &str, alias: &str, mut current: impl FnMut() -> F) -> Result<(), E>
    where
        E: From<MlflowError>,
        F: Future<Output = Result<Option<u64>, E>>,
    {
        let mut wanted = current().await?;
        loop {
            match wanted {
                Some(version) => self.set_alias(name, alias, version).await?,
                None => self.delete_alias(name, alias).await?,
            }
            let now = current().await?;
            if now == wanted {
                return Ok(());
            }
            wanted = now;
        }
    }

    /// The version that an alias points at; `None` where there is no such alias or no such model.
    pub async fn get_alias(&self, name: &str, alias: &str) -> Result<Option<u64>, MlflowError> {
        match self.get::<One>("registered-models/alias", &[("name", name), ("alias", alias)]).await {
            Ok(found) => found.model_version.number().map(Some),
            Err(MlflowError::NotFound) => Ok(None),
            // MLflow's answer for a known model without this alias.
            Err(MlflowError::Rejected { code, message })
                if code == "INVALID_PARAMETER_VALUE" && message.contains("not found") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
