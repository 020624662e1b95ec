//! Whether the server, and a model, can be asked.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};
use service::ApiError;

use super::super::{Named, model_name, models};
use crate::{
    access::Access,
    api::{choice::Choice, guard::Admitted},
    sync::Loader,
};

/// `GET /v2/health/live`: the process is up.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`: as `GET /ready`.
pub(crate) async fn ready(
    State(loader): State<Arc<Loader>>,
    State(caught_up): State<Arc<AtomicBool>>,
) -> (StatusCode, Json<Value>) {
    let is_ready = is_ready(&loader, &caught_up);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": is_ready })))
}

pub(super) fn is_ready(loader: &Loader, caught_up: &AtomicBool) -> bool {
    loader.is_restored() && caught_up.load(Ordering::Acquire)
}

/// `GET /v2/models/{name}/ready`: the model is served.
pub(crate) async fn model(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Path(named): Path<Named>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
) -> Result<Json<Value>, ApiError> {
    let name = model_name(named.name)?;
    models::known((&loader, &access), &name, (&choice, &admitted))?;
    Ok(Json(json!({ "name": name, "ready": true })))
}
