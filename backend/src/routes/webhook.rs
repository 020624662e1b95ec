//! `POST /webhook/github`: a push becomes pipelines, durably, before the answer.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use contract::{FileChanges, RepoName};
use forge::{Delivery, GitRef, Push};
use serde_json::json;
use service::{ApiError, telemetry};
use sha2::{Digest, Sha256};
use store::{Accepted, NewDelivery, NewPipeline, PipelineRef};

use crate::{
    Backend,
    error::{bad_request, from_store},
    repos::KnownRepo,
};

/// GitHub gives up on a delivery after ten seconds; asking it for a file list must leave time to answer.
const ASK_HOST: Duration = Duration::from_secs(7);
/// What a repository of the local remote runs when nobody registered it.
const LOCAL_BRANCHES: &str = "main,master";
/// Every notebook of a repository.
pub(crate) const ALL_NOTEBOOKS: &str = "**/*.ipynb";

/// Takes a delivery of GitHub or of the local remote.
pub(crate) async fn github(
    State(backend): State<Backend>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let answer = take(&backend, &headers, body).await;
    let event = headers.get("x-github-event").and_then(|event| event.to_str().ok()).unwrap_or("none");
    let outcome = match &answer {
        Ok(response) if response.status() == StatusCode::ACCEPTED => "accepted",
        Ok(_) => "ignored",
        Err(error) if error.status().is_server_error() => "failed",
        Err(_) => "refused",
    };
    telemetry::metrics::delivery(event, outcome);
    answer
}

async fn take(backend: &Backend, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Response, ApiError> {
    let body = body.map_err(unreadable)?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    forge::verify(backend.config.webhook_secret.expose().as_bytes(), &body, text("x-hub-signature-256"))
        .map_err(|error| ApiError::new(StatusCode::UNAUTHORIZED, "bad_signature", error.to_string()))?;
    let event = text("x-github-event")
        .ok_or_else(|| bad_request("missing_event", "the header X-GitHub-Event is missing: is this a GitHub webhook?"))?;
    let delivery = forge::parse(event, text("content-type"), &body)
        .map_err(|error| bad_request("unreadable_payload", error.to_string()))?;
    // Every GitHub delivery has a GUID. A sender without one is told apart by its body.
    let by_body = || hex::encode(Sha256::digest(&body)).into();
    let delivery_id: Cow<'_, str> = text("x-github-delivery").map_or_else(by_body, Cow::Borrowed);
    match delivery {
        Delivery::Ping { .. } => Ok(Json(json!({ "status": "pong" })).into_response()),
        Delivery::Other { event, .. } => Ok(ignored(&format!("{event} events start nothing"))),
        Delivery::Push(push) => {
            let new = NewDelivery { delivery_id: &delivery_id, event, repo: Some(&push.repo) };
            take_push(backend, new, &push).await
        }
    }
}

async fn take_push(backend: &Backend, delivery: NewDelivery<'_>, push: &Push) -> Result<Response, ApiError> {
    let branch = match &push.git_ref {
        GitRef::Branch(branch) => branch,
        GitRef::Tag(tag) => return Ok(ignored(&format!("{tag} is a tag; pushes to branches run notebooks"))),
        GitRef::Other(name) => return Ok(ignored(&format!("{name} is no branch"))),
    };
    if push.deleted || push.after.is_null() {
        return Ok(ignored(&format!("the branch {branch} was deleted")));
    }
    let Some(repo) = registered(backend, &push.repo).await? else {
        return Ok(ignored(&format!("{} is not registered: POST /api/repos registers it", push.repo)));
    };
    if !repo.trigger.runs_on(branch) {
        return Ok(ignored(&format!("the branch {branch} is not among {}", repo.branch)));
    }
    let files = changed_files(backend, push).await?;
    let notebooks = repo.trigger.notebooks(&files);
    if notebooks.is_empty() {
        return Ok(ignored(&format!("no notebook that matches {} was added or changed", repo.notebook_glob)));
    }
    let traceparent = telemetry::current_traceparent();
    let pipelines = notebooks
        .into_iter()
        .map(|notebook_path| NewPipeline {
            repo: push.repo.clone(),
            branch: branch.clone(),
            commit_sha: push.after.clone(),
            notebook_path,
            parameters: BTreeMap::new(),
            delivery_id: Some(delivery.delivery_id.to_owned()),
            manual: false,
            traceparent: traceparent.clone(),
        })
        .collect();
    let accepted = backend.store.intake.accept_delivery(delivery, pipelines).await.map_err(from_store)?;
    Ok(answer(backend, accepted))
}

fn answer(backend: &Backend, accepted: Accepted) -> Response {
    let list = |pipelines: &[PipelineRef]| {
        let items: Vec<_> =
            pipelines.iter().map(|one| json!({ "id": one.id, "notebook_path": one.notebook_path })).collect();
        json!({ "pipelines": items })
    };
    match accepted {
        Accepted::New(pipelines) => {
            backend.bus.wake.notify_one();
            (StatusCode::ACCEPTED, Json(list(&pipelines))).into_response()
        }
        Accepted::Repeated(pipelines) => (StatusCode::OK, Json(list(&pipelines))).into_response(),
    }
}

/// The repository's settings. A repository of the local remote is the user's own and needs no registration.
async fn registered(backend: &Backend, name: &RepoName) -> Result<Option<Arc<KnownRepo>>, ApiError> {
    let find = || backend.repos.known.find(&backend.store, name);
    let found = find().await?;
    if found.is_some() || !name.is_local() {
        return Ok(found);
    }
    match backend.store.intake.add_repo(name, LOCAL_BRANCHES, ALL_NOTEBOOKS).await {
        // Two first pushes at once: the other one registered it.
        Ok(_) | Err(store::StoreError::Conflict) => find().await,
        Err(error) => Err(from_store(error)),
    }
}

/// The files that the push changed: the payload's lists where they are whole, else the host's own answer.
async fn changed_files(backend: &Backend, push: &Push) -> Result<FileChanges, ApiError> {
    if !push.files_incomplete {
        return Ok(push.files.clone());
    }
    match backend.host(&push.repo).changed_files(push, ASK_HOST).await {
        Ok(files) => Ok(files),
        Err(error) if !push.files.added_or_modified.is_empty() => {
            tracing::warn!(repo = %push.repo, %error, "the code host can't list what changed; the payload's own list is used");
            Ok(push.files.clone())
        }
        Err(error) => {
            tracing::error!(repo = %push.repo, %error, "the code host can't say what the push changed");
            let detail = format!("the push lists no files and the code host can't be asked: {error}. Redeliver it later");
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "host_unavailable", detail))
        }
    }
}

fn ignored(reason: &str) -> Response {
    Json(json!({ "status": "ignored", "reason": reason })).into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unreadable(rejection: BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "a delivery may have at most 25 MB");
    }
    bad_request("unreadable_body", "the body could not be read to its end")
}
