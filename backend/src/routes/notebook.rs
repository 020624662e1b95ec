//! A pipeline's notebook: as it was pushed, then as far as it has run; and the parameters that it takes.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use contract::{Parameter, PipelineId};
use serde::Deserialize;
use serde_json::Value;
use service::ApiError;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    Backend, abridge,
    error::{from_store, internal, not_found},
    routes::{parse, pipelines::Page},
};

/// A notebook in nbformat's JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the notebook is passed on as it is kept; this says what it looks like")]
pub(crate) struct Notebook {
    cells: Vec<BTreeMap<String, Value>>,
    metadata: BTreeMap<String, Value>,
    nbformat: u32,
    nbformat_minor: u32,
}

/// How much of a notebook is wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Extent {
    /// Cuts the long texts of outputs. A cell that lost something says so: `metadata.mlsys.abridged` is its whole size in bytes.
    #[serde(default)]
    abridged: bool,
}

/// The notebook as far as it has run; before that, as it was pushed.
#[utoipa::path(
    get, path = "/api/pipelines/{id}/notebook", operation_id = "getNotebook", tag = "pipelines", params(Extent),
    responses(
        (status = OK, body = Notebook, headers(("etag" = String, description = "For `If-None-Match`"))),
        (status = NOT_MODIFIED, description = "Unchanged"),
    ),
)]
pub(crate) async fn executed(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    Query(extent): Query<Extent>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Extent { abridged } = extent;
    let notebook = stored(&backend, parse(&id)?).await?;
    // Megabytes to hash and to read: not on the threads that answer.
    let answer = move || {
        let form = if abridged { "-abridged" } else { "" };
        let etag = format!("\"{}{form}\"", hex::encode(Sha256::digest(&notebook)));
        let known = knows(&headers, &etag);
        let short = if abridged && !known { abridge::abridged(&notebook) } else { None };
        (etag, (!known).then(|| short.unwrap_or(notebook)))
    };
    let (etag, notebook) = tokio::task::spawn_blocking(answer).await.map_err(internal)?;
    let caching = [(ETAG, etag.as_str()), (CACHE_CONTROL, "no-cache")];
    Ok(match notebook {
        None => (StatusCode::NOT_MODIFIED, caching).into_response(),
        Some(notebook) => (caching, [(CONTENT_TYPE, "application/json")], notebook).into_response(),
    })
}

/// One cell of the notebook with all that it printed.
#[utoipa::path(
    get, path = "/api/pipelines/{id}/notebook/cells/{cell_id}", operation_id = "getNotebookCell", tag = "pipelines",
    responses((status = OK, body = BTreeMap<String, Value>)),
)]
pub(crate) async fn cell(
    State(backend): State<Backend>,
    Path((id, cell_id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let notebook = stored(&backend, parse(&id)?).await?;
    let find = move || abridge::cell(&notebook, &cell_id).map(str::to_owned);
    let cell = tokio::task::spawn_blocking(find).await.map_err(internal)?;
    let cell = cell.ok_or_else(|| not_found("the notebook has no such cell"))?;
    Ok(([(CACHE_CONTROL, "no-cache"), (CONTENT_TYPE, "application/json")], cell).into_response())
}

/// The parameters that a pipeline's notebook takes, with the defaults that its cell tagged `parameters` gives them.
#[utoipa::path(
    get, path = "/api/pipelines/{id}/parameters", operation_id = "getParameters", tag = "pipelines",
    responses((status = OK, body = Page<Parameter>)),
)]
pub(crate) async fn parameters(
    State(backend): State<Backend>,
    Path(id): Path<String>,
) -> Result<Json<Page<Parameter>>, ApiError> {
    let notebook = stored(&backend, parse(&id)?).await?;
    let items = tokio::task::spawn_blocking(move || pipeline::parameters(notebook.as_bytes())).await.map_err(internal)?;
    Ok(Json(Page { items, next: None }))
}

async fn stored(backend: &Backend, id: PipelineId) -> Result<String, ApiError> {
    let Some(notebook) = backend.store.pipelines.notebook(id).await.map_err(from_store)? else {
        backend.store.pipelines.pipeline(id).await.map_err(from_store)?;
        return Err(not_found("the notebook has not been read yet, or is no notebook"));
    };
    Ok(notebook)
}

/// Whether the client has what this tag names.
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
