//! Experiments: what groups the runs of a model.

use serde::Deserialize;
use serde_json::json;

use crate::{Client, MlflowError};

#[derive(Deserialize)]
struct Found {
    experiment: Experiment,
}

#[derive(Deserialize)]
struct Experiment {
    experiment_id: String,
    lifecycle_stage: String,
}

#[derive(Deserialize)]
struct Created {
    experiment_id: String,
}

impl Client {
    /// The identifier of the experiment with this name, which is created where there is none. A deleted experiment keeps its
    /// name, so it is restored: whoever deleted it, a notebook perhaps, must not keep all others from running.
    pub async fn experiment_id(&self, name: &str) -> Result<String, MlflowError> {
        if let Some(id) = self.find_experiment(name).await? {
            return Ok(id);
        }
        match self.post::<Created>("experiments/create", &json!({ "name": name })).await {
            Ok(created) => Ok(created.experiment_id),
            // Somebody else was quicker.
            Err(MlflowError::AlreadyExists) => self.find_experiment(name).await?.ok_or(MlflowError::AlreadyExists),
            Err(error) => Err(error),
        }
    }

    async fn find_experiment(&self, name: &str) -> Result<Option<String>, MlflowError> {
        match self.get::<Found>("experiments/get-by-name", &[("experiment_name", name)]).await {
            Ok(Found { experiment }) if experiment.lifecycle_stage == "active" => Ok(Some(experiment.experiment_id)),
            Ok(Found { experiment: Experiment { experiment_id, .. } }) => {
                let _: serde_json::Value =
                    self.post("experiments/restore", &json!({ "experiment_id": experiment_id })).await?;
                Ok(Some(experiment_id))
            }
            Err(MlflowError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
