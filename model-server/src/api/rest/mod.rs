//! `POST /predict/{name}`: rows as JSON, in any of the accepted shapes.

mod answer;
mod decode;

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::Environment;
use scoring::PredictError;
use serde::Deserialize;
use service::ApiError;

use super::{guard::Admitted, model_name, problem};
use crate::{serve::Version, sync::Loader};

/// The longest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Bodies longer than this, in bytes, are read on another thread, so that other requests need not wait.
const LONG_BODY: usize = 64 * 1024;

/// Which of a model's versions is asked.
#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) version: Option<u64>,
    pub(super) env: Option<Environment>,
}

/// `POST /predict/{name}?version=&env=`: the predictions for some rows.
pub(super) async fn predict(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
    Query(choice): Query<Choice>,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = match service::read_body(request.into_body(), BODY_LIMIT).await {
        Ok(body) => body,
        Err(refused) => return Ok(refused.into_response()),
    };
    // Only now, so that a slow client does not keep a replaced version.
    let environment = choice.env.or(admitted.environment);
    let version = loader.find(&model_name(name)?, environment.as_ref(), choice.version).map_err(problem::unserved)?;
    let started = Instant::now();
    let answer = answer(&version, body).await.map_err(problem::predict);
    let status = answer.as_ref().map_or_else(ApiError::status, |_| StatusCode::OK);
    version.meter.ended(status.as_u16(), started.elapsed());
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer?).into_response())
}

async fn answer(version: &Arc<Version>, body: Bytes) -> Result<Vec<u8>, PredictError> {
    let admitted = version.admit()?;
    let long = body.len() > LONG_BODY;
    let model = Arc::clone(version);
    let batch = offload(long, move || decode::decode(model.schema(), &body)).await?.map_err(PredictError::BadInput)?;
    let output = admitted.predict(batch).await?;
    let model = Arc::clone(version);
    let written = offload(long, move || answer::write(&model, &output)).await?;
    written.map_err(|error| PredictError::Failed(error.to_string()))
}

/// Does work here, or on a thread that may be busy for long.
async fn offload<T: Send + 'static>(long: bool, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PredictError> {
    if long {
        tokio::task::spawn_blocking(work).await.map_err(|lost| PredictError::Failed(lost.to_string()))
    } else {
        Ok(work())
    }
}
