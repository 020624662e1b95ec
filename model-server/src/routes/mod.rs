//! The HTTP API.

mod health;
mod internal;
mod models;
mod predict;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use contract::ModelName;
use service::{ApiError, Secret, protect};

use crate::loader::Loader;

/// All routes.
pub(crate) fn router(loader: Arc<Loader>, token: Secret) -> Router {
    let internal = Router::new()
        .route("/internal/load/{name}", post(internal::load))
        .route("/internal/unload/{name}", post(internal::unload));
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::show))
        .route("/predict/{name}", post(predict::predict).layer(predict::body_limit()))
        .merge(protect(internal, token))
        .with_state(loader)
}

/// A model's name in a path. What cannot be a name is no model's.
fn model_name(name: String) -> Result<ModelName, ApiError> {
    let unknown = |_| ApiError::new(StatusCode::NOT_FOUND, "model_not_found", "this cannot be a model's name");
    ModelName::try_from(name).map_err(unknown)
}
