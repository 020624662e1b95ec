//! Whether the process is up, and whether it can serve what is deployed.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use contract::{Environment, ModelName};
use serde::Serialize;

use crate::{loader::Loader, registry::Absence};

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// `GET /health`: the process is up.
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

#[derive(Serialize)]
pub(super) struct Ready {
    status: &'static str,
    /// How many models are served.
    models: usize,
    /// Those that could not be brought back after a restart.
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    model_name: ModelName,
    environment: Environment,
    code: &'static str,
    detail: String,
}

/// `GET /ready`: 503 until everything deployed was brought back or was found that it cannot be.
pub(super) async fn ready(State(loader): State<Arc<Loader>>) -> (StatusCode, Json<Ready>) {
    let failed = loader.registry.absences().into_iter().filter_map(|((model_name, environment), absence)| match absence {
        Absence::Failed { code, detail } => Some(Failed { model_name, environment, code, detail }),
        Absence::Loading => None,
    });
    let (code, status) =
        if loader.is_restored() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "restoring") };
    (code, Json(Ready { status, models: loader.registry.all().len(), failed: failed.collect() }))
}
