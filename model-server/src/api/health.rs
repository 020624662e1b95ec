//! Whether the server can serve what is deployed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Json, extract::State, http::StatusCode};
use contract::{Environment, ModelName};
use serde::Serialize;

use crate::sync::{Loader, Progress};

#[derive(Serialize)]
pub(super) struct Ready {
    status: &'static str,
    /// How many models are served.
    models: usize,
    /// Those that should be served, or served in another version, and cannot be.
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    model_name: ModelName,
    environment: Environment,
    version: u64,
    code: &'static str,
    detail: String,
}

/// `GET /ready`: 503 until everything deployed was brought back, and what the backend says was followed once; or it was
/// found that it cannot be.
pub(super) async fn ready(
    State(loader): State<Arc<Loader>>,
    State(caught_up): State<Arc<AtomicBool>>,
) -> (StatusCode, Json<Ready>) {
    let failed = loader.targets.all().into_values().flatten().filter_map(|target| match target.progress {
        Progress::Failed { code, detail } => {
            let (model_name, environment) = (target.wanted.model_name, target.wanted.load.environment);
            Some(Failed { model_name, environment, version: target.wanted.load.version, code, detail })
        }
        Progress::Waiting | Progress::Loading | Progress::Ready => None,
    });
    let (code, status) = if !loader.is_restored() {
        (StatusCode::SERVICE_UNAVAILABLE, "restoring")
    } else if !caught_up.load(Ordering::Acquire) {
        (StatusCode::SERVICE_UNAVAILABLE, "following")
    } else {
        (StatusCode::OK, "ready")
    };
    (code, Json(Ready { status, models: loader.registry.all().len(), failed: failed.collect() }))
}
