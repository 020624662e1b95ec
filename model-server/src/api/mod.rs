//! The HTTP API.

mod health;
mod internal;
mod models;
mod problem;
mod rest;

use std::sync::{Arc, atomic::AtomicBool};

use axum::{
    Router,
    extract::FromRef,
    http::StatusCode,
    routing::{get, post},
};
use contract::ModelName;
use service::{ApiError, Secret, protect, telemetry};

use crate::sync::Loader;

/// What the routes share.
#[derive(Debug, Clone, FromRef)]
pub(crate) struct Serving {
    pub(crate) loader: Arc<Loader>,
    /// Whether what the backend says was followed once, or there is none.
    pub(crate) caught_up: Arc<AtomicBool>,
}

/// All routes.
pub(crate) fn router(serving: Serving, token: Secret) -> Router {
    let internal = Router::new()
        .route("/internal/load/{name}", post(internal::load))
        .route("/internal/unload/{name}", post(internal::unload));
    Router::new()
        .route("/health", get(service::health::alive))
        .route("/ready", get(health::ready))
        .route("/models", get(models::list))
        .route("/models/{name}", get(models::show))
        .route("/predict/{name}", post(rest::predict))
        .merge(telemetry::metrics::routes())
        .merge(protect(internal, token))
        .with_state(serving)
}

/// A model's name in a path. What cannot be a name is no model's.
fn model_name(name: String) -> Result<ModelName, ApiError> {
    let unknown = |_| ApiError::new(StatusCode::NOT_FOUND, "model_not_found", "this cannot be a model's name");
    ModelName::try_from(name).map_err(unknown)
}
