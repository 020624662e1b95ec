//! Predictions.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::Environment;
use serde::Deserialize;
use service::ApiError;

use super::model_name;
use crate::loader::Loader;

/// The longest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// The longest a body may take to arrive.
const ARRIVAL_LIMIT: Duration = Duration::from_mins(1);

/// Which of a model's versions is asked.
#[derive(Deserialize)]
pub(super) struct Choice {
    version: Option<u64>,
    env: Option<Environment>,
}

/// The limit of a body's length.
pub(super) fn body_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY_LIMIT)
}

/// `POST /predict/{name}?version=&env=`: the predictions for some rows.
pub(super) async fn predict(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
    Query(choice): Query<Choice>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = match tokio::time::timeout(ARRIVAL_LIMIT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) => return Ok(refused.into_response()),
        Err(_) => {
            return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive"));
        }
    };
    // Only now, so that a slow client does not keep a replaced model.
    let model = loader.registry.find(&model_name(name)?, choice.env.as_ref(), choice.version)?;
    let answer = model.predict(body).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer).into_response())
}
