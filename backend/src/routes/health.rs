//! `/health` and `/ready`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::Backend;

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /health`: the process is up.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /ready`: each dependency by name; 503 while one is away.
pub(crate) async fn ready(State(backend): State<Backend>) -> Response {
    let model_server = format!("{}/ready", backend.config.model_server_url.trim_end_matches('/'));
    let mlflow = format!("{}/health", backend.config.mlflow_url.trim_end_matches('/'));
    let (store, model_server, mlflow) =
        tokio::join!(store(&backend), answers(&backend, model_server), answers(&backend, mlflow));
    let checks = [("store", store), ("model_server", model_server), ("mlflow", mlflow)];
    let all_well = checks.iter().all(|(_, check)| check.is_ok());
    let dependencies: Map<_, _> = checks
        .into_iter()
        .map(|(name, check)| (name.to_owned(), Value::from(check.err().unwrap_or_else(|| "ok".to_owned()))))
        .collect();
    let status = if all_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if all_well { "ready" } else { "unready" };
    (status, Json(json!({ "status": word, "dependencies": dependencies }))).into_response()
}

async fn store(backend: &Backend) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, backend.store.repos()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

async fn answers(backend: &Backend, url: String) -> Result<(), String> {
    match backend.http.get(url).timeout(PATIENCE).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("answers {}", answer.status())),
        Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
        Err(_) => Err("can't be reached".to_owned()),
    }
}
