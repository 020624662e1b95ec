//! What is served.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use contract::{LoadedModel, Signature, Task};
use serde::Serialize;
use serde_json::Value;
use service::ApiError;

use super::{model_name, problem};
use crate::{serve::Deployment, sync::Loader};

/// A list that has no further pages.
#[derive(Serialize)]
pub(super) struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// A served model, and what it takes and gives.
#[derive(Serialize)]
pub(super) struct Detail {
    #[serde(flatten)]
    info: LoadedModel,
    task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<Value>>,
    signature: Signature,
}

/// `GET /models`: every model in every environment, by name, the highest environment first.
pub(super) async fn list(State(loader): State<Arc<Loader>>) -> Json<List<LoadedModel>> {
    let items = loader.registry.all().into_iter().map(|deployment| LoadedModel::clone(&deployment.info)).collect();
    Json(List { items, next: None })
}

/// `GET /models/{name}`: one model in every environment.
pub(super) async fn show(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
) -> Result<Json<List<Detail>>, ApiError> {
    let name = model_name(name)?;
    // Says why there is nothing, when there is nothing.
    loader.find(&name, None, None).map_err(problem::unserved)?;
    Ok(Json(List { items: loader.registry.of(&name).iter().map(detail).collect(), next: None }))
}

fn detail(deployment: &Deployment) -> Detail {
    let manifest = &deployment.version.manifest;
    Detail {
        info: LoadedModel::clone(&deployment.info),
        task: manifest.task,
        classes: manifest.classes.clone(),
        signature: manifest.signature.clone(),
    }
}
