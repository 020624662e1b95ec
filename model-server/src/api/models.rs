//! What is served.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use contract::{LoadedModel, ModelName, Signature, Task};
use serde::Serialize;
use serde_json::Value;
use service::ApiError;

use super::{choice::Choice, guard::Admitted, model_name, problem};
use crate::{
    access::Access,
    serve::{Deployment, Unserved},
    sync::Loader,
};

/// A list that has no further pages.
#[derive(Serialize)]
pub(super) struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// A served model, and whether it is ready at once.
#[derive(Serialize)]
pub(super) struct Item {
    #[serde(flatten)]
    info: LoadedModel,
    /// `asleep`: it wakes when it is asked.
    state: &'static str,
    /// What the model takes of memory, or took when it was awake.
    memory_bytes: u64,
    /// Whether that was measured, or is what the sizes of its files lead to expect.
    memory_measured: bool,
}

/// The same, and what it takes and gives.
#[derive(Serialize)]
pub(super) struct Detail {
    #[serde(flatten)]
    item: Item,
    task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
    signature: Signature,
}

/// `GET /models`: every model in every environment that the caller may know of, by name, the highest environment first.
pub(super) async fn list(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
) -> Json<List<Item>> {
    let mut served = loader.registry.all();
    served.retain(|deployment| access.shows(&caller, Some(&deployment.info.model_name), &deployment.info.environment));
    Json(List { items: served.iter().map(item).collect(), next: None })
}

/// `GET /models/{name}`: one model in every environment that the caller may know of.
pub(super) async fn show(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
    Path(name): Path<String>,
) -> Result<Json<List<Detail>>, ApiError> {
    let name = model_name(name)?;
    // Says why there is nothing, when there is nothing.
    loader.find(&name, None, (None, None)).map_err(problem::unserved)?;
    let mut served = loader.registry.of(&name);
    served.retain(|deployment| access.shows(&caller, Some(&name), &deployment.info.environment));
    Ok(Json(List { items: served.iter().map(detail).collect(), next: None }))
}

/// The versions of a model that the caller may know of, of those that were chosen; the highest environment first, and never
/// none.
pub(super) fn known(
    (loader, access): (&Loader, &Access),
    name: &ModelName,
    (choice, admitted): (&Choice, &Admitted),
) -> Result<Vec<Deployment>, ApiError> {
    let environment = choice.env.as_ref().or(admitted.environment.as_ref());
    loader.find(name, environment, (choice.version, choice.key.as_ref())).map_err(problem::unserved)?;
    let mut served = loader.registry.of(name);
    served.retain(|Deployment { info, .. }| {
        // Where anybody may ask for predictions, what answers is no secret.
        let shown = access.open.predictions.contains(&info.environment)
            || access.shows(&admitted.caller, Some(name), &info.environment);
        let wanted = environment.is_none_or(|wanted| *wanted == info.environment);
        shown && wanted && choice.version.is_none_or(|version| version == info.model_version)
    });
    if served.is_empty() { Err(problem::unserved(Unserved::OtherVersion)) } else { Ok(served) }
}

fn item(Deployment { info, version, .. }: &Deployment) -> Item {
    let (size, state) = (version.size(), if version.is_awake() { "awake" } else { "asleep" });
    Item { info: LoadedModel::clone(info), state, memory_bytes: size.bytes, memory_measured: size.measured }
}

fn detail(deployment: &Deployment) -> Detail {
    let manifest = &deployment.version.manifest;
    Detail {
        item: item(deployment),
        task: manifest.task,
        classes: manifest.classes.clone(),
        columns: manifest.columns.clone(),
        signature: manifest.signature.clone(),
    }
}
