//! The HTTP API.

mod guard;
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

use guard::Rule;

use crate::{access::Access, sync::Loader};

/// What the routes share.
#[derive(Debug, Clone, FromRef)]
pub(crate) struct Serving {
    pub(crate) loader: Arc<Loader>,
    pub(crate) access: Arc<Access>,
    /// Whether what the backend says was followed once, or there is none.
    pub(crate) caught_up: Arc<AtomicBool>,
}

/// All routes, each with whom it lets in.
pub(crate) fn router(serving: Serving, token: Secret) -> Router {
    let behind = |rule: Rule, method| rule.before(&serving, method);
    let internal = Router::new()
        .route("/internal/load/{name}", post(internal::load))
        .route("/internal/unload/{name}", post(internal::unload));
    Router::new()
        // Anybody.
        .route("/health", get(service::health::alive))
        .route("/ready", get(health::ready))
        .route("/models", behind(Rule::Look, get(models::list)))
        .route("/models/{name}", behind(Rule::Look, get(models::show)))
        .route("/predict/{name}", behind(Rule::Predict, post(rest::predict)))
        .merge(Rule::Numbers.before_all(&serving, telemetry::metrics::routes()))
        .merge(protect(internal, token))
        .with_state(serving)
}

/// A model's name in a path. What cannot be a name is no model's.
fn model_name(name: String) -> Result<ModelName, ApiError> {
    let unknown = |_| ApiError::new(StatusCode::NOT_FOUND, "model_not_found", "this cannot be a model's name");
    ModelName::try_from(name).map_err(unknown)
}
