//! `GET /ready`.

use anyhow::bail;
use axum::{extract::State, response::Response};
use contract::{Readiness, Scope};
use service::health::{check, readiness};

use crate::Backend;

/// Whether the backend can do its work: each dependency by name.
#[utoipa::path(
    get, path = "/ready", operation_id = "getReadiness", tag = "process",
    responses((status = OK, body = Readiness), (status = SERVICE_UNAVAILABLE, body = Readiness, description = "Unready")),
)]
pub(crate) async fn ready(State(backend): State<Backend>) -> Response {
    let mlflow = format!("{}/health", backend.config.mlflow_url.trim_end_matches('/'));
    let (store, queue, model_server, mlflow) = tokio::join!(
        check("store", backend.store.intake.repos(&Scope::Everything)),
        check("queue", backend.bus.queue.check()),
        check("model_server", any_model_server(&backend)),
        check("mlflow", answers(&backend, mlflow)),
    );
    readiness([store, queue, model_server, mlflow])
}

/// Whether any model-server is ready.
async fn any_model_server(backend: &Backend) -> anyhow::Result<()> {
    let mut trouble = anyhow::anyhow!("none has reported lately");
    for base in backend.models.servers.in_turn(&backend.store).await? {
        match answers(backend, format!("{base}/ready")).await {
            Ok(()) => return Ok(()),
            Err(error) => trouble = error.context(base),
        }
    }
    Err(trouble)
}

async fn answers(backend: &Backend, url: String) -> anyhow::Result<()> {
    match backend.models.http.get(url).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => bail!("answers {}", answer.status()),
        Err(_) => bail!("can't be reached"),
    }
}
