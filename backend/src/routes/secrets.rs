//! `/api/repos/{id}/secrets`: what a repository's notebooks ask for by name. What a secret is, is never in an answer.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use contract::{SECRETS_PER_REPO, SecretName, check_secret};
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{RunSecret, StoreError};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail},
    error::{bad_request, from_store, not_found},
    routes::repos::registered,
};

/// The secrets of a repository.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretList {
    /// By name; what they are is not shown.
    items: Vec<RunSecret>,
}

/// What a secret is from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    /// At least 4 characters in one of its lines, at most 64 KiB.
    value: String,
}

/// The names of a repository's secrets, with who set them and when.
#[utoipa::path(
    get, path = "/api/repos/{id}/secrets", operation_id = "listSecrets", tag = "repos",
    responses((status = OK, body = SecretList)),
)]
pub(crate) async fn list(State(backend): State<Backend>, Path(id): Path<i64>) -> Result<Json<SecretList>, ApiError> {
    let repo = registered(&backend, id).await?;
    let items = backend.store.intake.run_secrets(&repo.full_name).await.map_err(from_store)?;
    Ok(Json(SecretList { items }))
}

/// Sets a secret: the repository's notebooks can ask for it by this name.
#[utoipa::path(
    put, path = "/api/repos/{id}/secrets/{name}", operation_id = "setSecret", tag = "repos",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn set(
    State(backend): State<Backend>,
    Path((id, name)): Path<(i64, String)>,
    caller: Caller,
    trail: Trail,
    Json(NewSecret { value }): Json<NewSecret>,
) -> Result<StatusCode, ApiError> {
    let repo = registered(&backend, id).await?;
    trail.object(&repo.full_name);
    let name: SecretName = name.parse().map_err(|error| bad_request("bad_secret_name", format!("{error}")))?;
    trail.after(format_args!("the secret {name} is set"));
    check_secret(&value).map_err(|reason| bad_request("bad_secret", reason))?;
    match backend.store.intake.set_run_secret(&repo.full_name, &name, &value, &caller.name).await {
        Err(StoreError::Conflict) => {
            let detail = format!("a repository has at most {SECRETS_PER_REPO} secrets: remove one first");
            Err(ApiError::new(StatusCode::CONFLICT, "too_many_secrets", detail))
        }
        done => done.map(|()| StatusCode::NO_CONTENT).map_err(from_store),
    }
}

/// Removes a secret. Notebooks that ask for it fail from now on.
#[utoipa::path(
    delete, path = "/api/repos/{id}/secrets/{name}", operation_id = "removeSecret", tag = "repos",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn remove(
    State(backend): State<Backend>,
    Path((id, name)): Path<(i64, String)>,
    trail: Trail,
) -> Result<StatusCode, ApiError> {
    let repo = registered(&backend, id).await?;
    trail.object(&repo.full_name);
    // No secret has a name that can't be one.
    let name: SecretName = name.parse().map_err(|_| not_found("this repository has no secret of this name"))?;
    trail.after(format_args!("the secret {name} is removed"));
    backend.store.intake.remove_run_secret(&repo.full_name, &name).await.map_err(from_store)?;
    Ok(StatusCode::NO_CONTENT)
}
