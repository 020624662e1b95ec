//! What the backend and the worker ask for.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use contract::{LoadRequest, LoadedModel, TrafficRequest, UnloadRequest};
use service::ApiError;

use super::{model_name, problem};
use crate::sync::Loader;

/// `POST /internal/load/{name}`: serve a version; answers once it does.
pub(super) async fn load(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
    Json(request): Json<LoadRequest>,
) -> Result<Json<LoadedModel>, ApiError> {
    Ok(Json(loader.load(model_name(name)?, request).await.map_err(problem::load)?))
}

/// `POST /internal/unload/{name}`: serve it no more.
pub(super) async fn unload(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
    Json(UnloadRequest { environment, generation }): Json<UnloadRequest>,
) -> Result<StatusCode, ApiError> {
    loader.unload((model_name(name)?, environment), generation).await.map_err(problem::load)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /internal/traffic/{name}`: share requests out so, among versions that are served.
pub(super) async fn share(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
    Json(request): Json<TrafficRequest>,
) -> Result<StatusCode, ApiError> {
    loader.share(model_name(name)?, request).await.map_err(problem::load)?;
    Ok(StatusCode::NO_CONTENT)
}
