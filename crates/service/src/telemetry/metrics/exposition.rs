//! `GET /metrics`.

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{histograms, process, recorder};
use crate::ApiError;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// `GET /metrics`, in Prometheus's text format: everything that this process has counted and measured.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    recorder();
    Router::new().route("/metrics", get(metrics))
}

async fn metrics() -> Result<Response, ApiError> {
    // Long lists and files under /proc: not for the threads that answer requests.
    let text = tokio::task::spawn_blocking(|| {
        let mut text = recorder().render();
        histograms::write(&mut text);
        process::write(&mut text);
        text
    });
    let text = text.await.map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", format!("the numbers could not be written: {error}"))
    })?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
