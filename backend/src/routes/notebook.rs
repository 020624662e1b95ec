//! `GET /api/pipelines/{id}/notebook`: the executed notebook, also while it runs.

use axum::{
    extract::{Path, State},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use service::ApiError;

use crate::{
    Backend,
    error::{from_store, not_found},
    routes::parse,
};

/// The notebook as far as it has run.
pub(crate) async fn executed(State(backend): State<Backend>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = parse(&id)?;
    backend.store.pipeline(id).await.map_err(from_store)?;
    let notebook = backend.store.notebook(id).await.map_err(from_store)?;
    let notebook = notebook.ok_or_else(|| not_found("the notebook has not been executed yet"))?;
    Ok(([(CONTENT_TYPE, "application/x-ipynb+json"), (CACHE_CONTROL, "no-cache")], notebook).into_response())
}
