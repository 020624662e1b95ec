//! Whether a process is up, and whether it can do its work.

use std::{collections::BTreeMap, fmt::Display, future::Future, time::Duration};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use contract::{Readiness, ReadyStatus};
use serde_json::{Value, json};

use crate::{layers, telemetry::metrics};

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a process needs, by name, and why it cannot be used if it cannot.
pub type Dependency = (&'static str, Result<(), String>);

/// All routes of a process that has no others, layers included: `GET /health`, `GET /ready` and `GET /metrics`.
/// `dependencies` is asked at each `/ready`.
pub fn router<F>(dependencies: impl Fn() -> F + Clone + Send + Sync + 'static) -> Router
where
    F: Future<Output: IntoIterator<Item = Dependency>> + Send,
{
    let ready = move || {
        let asked = dependencies();
        async move { readiness(asked.await) }
    };
    layers(Router::new().route("/health", get(alive)).route("/ready", get(ready)).merge(metrics::routes()))
}

/// `GET /health`: the process is up.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The answer to `GET /ready`: each dependency by name; 503 while one is unavailable.
pub fn readiness(dependencies: impl IntoIterator<Item = Dependency>) -> Response {
    let mut all_well = true;
    let dependencies: BTreeMap<_, _> = dependencies
        .into_iter()
        .map(|(name, state)| {
            all_well &= state.is_ok();
            (name.to_owned(), state.err().unwrap_or_else(|| "ok".to_owned()))
        })
        .collect();
    let (code, status) = if all_well {
        (StatusCode::OK, ReadyStatus::Ready)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, ReadyStatus::Unready)
    };
    (code, Json(Readiness { status, dependencies })).into_response()
}

/// Asks one dependency, for at most two seconds.
pub async fn check<T, E: Display>(name: &'static str, answer: impl Future<Output = Result<T, E>>) -> Dependency {
    let state = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map(drop).map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    };
    (name, state)
}
