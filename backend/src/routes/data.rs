//! `/api/repos/{id}/data`: which tables and files a repository's notebooks may reach.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use contract::{DataAccess, DataGrant, DataPlace, PLACES_PER_REPO};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use service::ApiError;
use store::{AllowedData, StoreError};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail},
    error::{bad_request, from_store, not_found},
    routes::repos::registered,
};

/// What a repository's notebooks may reach.
#[derive(Serialize, ToSchema)]
pub(crate) struct DataList {
    /// By name.
    items: Vec<AllowedData>,
}

/// What notebooks may do with a place from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewData {
    /// `read`, or `write`, which reads as well.
    #[serde(deserialize_with = "word")]
    #[schema(value_type = DataAccess)]
    access: DataAccess,
}

/// As text first: what is no text at all is then another thing than a body that is no JSON.
fn word<'de, D: Deserializer<'de>>(value: D) -> Result<DataAccess, D::Error> {
    let word = String::deserialize(value)?;
    DataAccess::from_word(&word).ok_or_else(|| D::Error::custom("access is read or write"))
}

/// What a repository's notebooks may reach of tables and files, with who allowed it and when.
#[utoipa::path(
    get, path = "/api/repos/{id}/data", operation_id = "listData", tag = "repos",
    responses((status = OK, body = DataList)),
)]
pub(crate) async fn list(State(backend): State<Backend>, Path(id): Path<i64>) -> Result<Json<DataList>, ApiError> {
    let repo = registered(&backend, id).await?;
    let items = backend.store.intake.data_of(&repo.full_name).await.map_err(from_store)?;
    Ok(Json(DataList { items }))
}

/// Allows the repository's notebooks to reach a dataset (`project.dataset`) or a bucket (`gs://bucket`), from their next run on.
#[utoipa::path(
    put, path = "/api/repos/{id}/data/{place}", operation_id = "allowData", tag = "repos",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn allow(
    State(backend): State<Backend>,
    Path((id, place)): Path<(i64, String)>,
    caller: Caller,
    trail: Trail,
    Json(NewData { access }): Json<NewData>,
) -> Result<StatusCode, ApiError> {
    let repo = registered(&backend, id).await?;
    trail.object(&repo.full_name);
    let place: DataPlace = place.parse().map_err(|error| bad_request("bad_data", format!("{error}")))?;
    trail.after(format_args!("its notebooks may {access} {place}"));
    match backend.store.intake.allow_data(&repo.full_name, &DataGrant { place, access }, &caller.name).await {
        Err(StoreError::Conflict) => {
            let detail = format!("the notebooks of a repository may reach at most {PLACES_PER_REPO} datasets and buckets");
            Err(ApiError::new(StatusCode::CONFLICT, "too_much_data", format!("{detail}: remove one first")))
        }
        done => done.map(|()| StatusCode::NO_CONTENT).map_err(from_store),
    }
}

/// Keeps the repository's notebooks from a place again, from their next run on.
#[utoipa::path(
    delete, path = "/api/repos/{id}/data/{place}", operation_id = "forbidData", tag = "repos",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn forbid(
    State(backend): State<Backend>,
    Path((id, place)): Path<(i64, String)>,
    trail: Trail,
) -> Result<StatusCode, ApiError> {
    let repo = registered(&backend, id).await?;
    trail.object(&repo.full_name);
    // Nothing is reached that can't be named.
    let place: DataPlace =
        place.parse().map_err(|_| not_found("the notebooks of this repository may not reach such data"))?;
    trail.after(format_args!("its notebooks may reach {place} no more"));
    backend.store.intake.forbid_data(&repo.full_name, &place).await.map_err(from_store)?;
    Ok(StatusCode::NO_CONTENT)
}
