//! What rows that went have left elsewhere: packages, versions' files, MLflow runs.

use contract::{Environment, Leftovers};
use mlflow::MlflowError;
use serde_json::{Value, json};

use super::TaskError;
use crate::Worker;

pub(super) async fn run(worker: &Worker, left: &Leftovers) -> Result<Value, TaskError> {
    for pipeline in &left.packages {
        worker.artifacts.remove_packages(*pipeline).await.map_err(retry)?;
    }
    for (model, version) in &left.versions {
        for name in Environment::ALL {
            let environment = name.parse().map_err(TaskError::Fail)?;
            worker.artifacts.remove_version(&environment, model, *version).await.map_err(retry)?;
        }
        if left.registered {
            worker.mlflow.delete_version(model.as_str(), *version).await.map_err(retry)?;
        }
    }
    for run in &left.runs {
        match worker.mlflow.delete_run(run).await {
            Ok(()) | Err(MlflowError::NotFound) => {}
            Err(error) => return Err(retry(error)),
        }
    }
    Ok(json!({}))
}

fn retry(error: impl Into<anyhow::Error>) -> TaskError {
    TaskError::Retry(error.into())
}
