//! `POST /webhook/github`: a push becomes pipelines, durably, before the answer.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use contract::{FileChanges, RepoName};
use forge::{Delivery, GitRef, Push, Signature, SignatureError};
use serde_json::json;
use service::{ApiError, Connection, telemetry};
use sha2::{Digest, Sha256};
use store::{Accepted, NewDelivery, NewPipeline, PipelineRef, WebhookSecret};

use crate::{
    Backend, WEBHOOK_BODY_MAX,
    error::{bad_request, from_store},
    repos::KnownRepo,
};

/// The longest delivery, in bytes, that is still read of who has sent too many with a wrong signature.
const READ_ANYWAY: u64 = 256 << 10;

/// GitHub gives up on a delivery after ten seconds; asking it for a file list must leave time to answer.
const ASK_HOST: Duration = Duration::from_secs(7);
/// What a repository of the local remote runs when nobody registered it.
const LOCAL_BRANCHES: &str = "main,master";
/// Every notebook of a repository.
pub(crate) const ALL_NOTEBOOKS: &str = "**/*.ipynb";

/// Takes a delivery of GitHub or of the local remote.
pub(crate) async fn github(State(backend): State<Backend>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let answer = match signature(&backend, &parts) {
        Ok(signature) => match service::read_body(body, WEBHOOK_BODY_MAX).await {
            Ok(body) => take(&backend, &parts, signature, body).await,
            Err(status) => Err(unreadable(status)),
        },
        Err(refused) => Err(refused),
    };
    let event = parts.headers.get("x-github-event").and_then(|event| event.to_str().ok()).unwrap_or("none");
    let outcome = match &answer {
        Ok(response) if response.status() == StatusCode::ACCEPTED => "accepted",
        Ok(_) => "ignored",
        Err(error) if error.status().is_server_error() => "failed",
        Err(_) => "refused",
    };
    telemetry::metrics::delivery(event, outcome);
    answer
}

/// The signature, and whether it is worth reading on, before any of the body is read.
fn signature(backend: &Backend, parts: &Parts) -> Result<Signature, ApiError> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let signature = Signature::read(text("x-hub-signature-256")).map_err(unsigned)?;
    let announced = text("content-length").and_then(|length| length.parse::<u64>().ok());
    match peer(parts).and_then(|peer| backend.repos.failures.too_many(peer)) {
        // What does not say how long it is could be of any length.
        Some(wait) if announced.is_none_or(|length| length > READ_ANYWAY) => Err(too_many(wait)),
        _ => Ok(signature),
    }
}

/// Who sends.
fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<Connection>().map(Connection::network)
}

fn unsigned(error: SignatureError) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "bad_signature", error.to_string())
}

fn too_many(wait: Duration) -> ApiError {
    let detail = "too many deliveries with a wrong signature came from this address";
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail)
        .with_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))
}

/// A delivery is wrongly signed; the answer does not tell whether its repository is known.
fn mismatch(backend: &Backend, parts: &Parts) -> ApiError {
    let Some(peer) = peer(parts) else { return unsigned(SignatureError::Mismatch) };
    if let Some(wait) = backend.repos.failures.too_many(peer) {
        return too_many(wait);
    }
    backend.repos.failures.count(peer);
    unsigned(SignatureError::Mismatch)
}

/// The repository that a delivery names, if one of its secrets signed it; none where it names none. Who knows the secret of
/// one repository can so sign for no other one, and GitHub's secrets are none of the local remote.
async fn verified(
    backend: &Backend,
    parts: &Parts,
    signature: Signature,
    body: &Bytes,
) -> Result<Option<RepoName>, ApiError> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let name = forge::named_repo(content_type, body);
    let config = &backend.config;
    let (shared, local) = (config.webhook_secret.expose(), config.local_secret.as_ref());
    let good = match &name {
        Some(name) if name.is_local() => signature.verify(local.map(|secret| secret.expose().as_bytes()), body),
        Some(name) => {
            let known = backend.repos.known.find(&backend.store, name).await?;
            let secrets = known.as_ref().map_or(&[WebhookSecret::Shared][..], |known| &known.secrets);
            let bytes = secrets.iter().map(|secret| match secret {
                WebhookSecret::Own(own) => own.as_bytes(),
                WebhookSecret::Shared => shared.as_bytes(),
            });
            signature.verify(bytes, body)
        }
        None => signature.verify([shared.as_bytes()], body),
    };
    good.map(|()| name).map_err(|_| mismatch(backend, parts))
}

async fn take(backend: &Backend, parts: &Parts, signature: Signature, body: Bytes) -> Result<Response, ApiError> {
    let repo = verified(backend, parts, signature, &body).await?;
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
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
        // The secret was that of the repository that the body names first.
        Delivery::Push(push) if repo.as_ref() != Some(&push.repo) => Err(mismatch(backend, parts)),
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
    let conflict = |detail: &String| ApiError::new(StatusCode::CONFLICT, "bad_glob", detail.clone());
    let trigger = repo.trigger.as_ref().map_err(conflict)?;
    if !trigger.runs_on(branch) {
        return Ok(ignored(&format!("the branch {branch} is not among {}", repo.branch)));
    }
    let files = changed_files(backend, push).await?;
    let notebooks = trigger.notebooks(&files);
    let declares = files.added_or_modified.iter().chain(&files.removed).any(|path| pipeline::declares(path));
    if declares {
        // Before the delivery counts as accepted: one that is sent again has it done again, which finds nothing to do.
        backend.store.schedules.declare(&push.repo, branch, &push.after).await.map_err(from_store)?;
        backend.bus.wake.notify_one();
    }
    if notebooks.is_empty() && !declares {
        return Ok(ignored(&format!("no notebook that matches {} was added or changed", repo.notebook_glob)));
    }
    if notebooks.is_empty() {
        return Ok(answer(backend, Accepted::New(Vec::new()), declares));
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
    Ok(answer(backend, accepted, declares))
}

/// `declares`: the push changes a file that declares schedules, and has them made as it says.
fn answer(backend: &Backend, accepted: Accepted, declares: bool) -> Response {
    let list = |pipelines: &[PipelineRef]| {
        let items: Vec<_> =
            pipelines.iter().map(|one| json!({ "id": one.id, "notebook_path": one.notebook_path })).collect();
        json!({ "pipelines": items, "declares": declares })
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

fn unreadable(status: StatusCode) -> ApiError {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "a delivery may have at most 25 MB");
    }
    bad_request("unreadable_body", "the body could not be read to its end")
}
