//! `GET /api/pipelines/{id}/notebook`: the executed notebook, also while it runs.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use service::ApiError;
use utoipa::ToSchema;

use crate::{
    Backend,
    error::{from_store, not_found},
    routes::parse,
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

/// The notebook as far as it has run.
#[utoipa::path(
    get, path = "/api/pipelines/{id}/notebook", operation_id = "getNotebook", tag = "pipelines",
    responses((status = OK, body = Notebook)),
)]
pub(crate) async fn executed(State(backend): State<Backend>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = parse(&id)?;
    backend.store.pipeline(id).await.map_err(from_store)?;
    let notebook = backend.store.notebook(id).await.map_err(from_store)?;
    let notebook = notebook.ok_or_else(|| not_found("the notebook has not been executed yet"))?;
    Ok(([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], notebook).into_response())
}
