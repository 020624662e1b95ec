//! When whoever asks stops waiting. What would be answered later is not computed.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderName, StatusCode};
use scoring::PredictError;
use service::ApiError;

/// How long a caller waits, in milliseconds; 0 is no limit. Envoy, and what is built on it, says so to those behind it; any
/// client may.
/// Source: `x-envoy-expected-rq-timeout-ms` in Envoy's "HTTP header manipulation" of its router filter.
const EXPECTED: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// The deadline that a request's headers tell, if they tell one.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Instant>, ApiError> {
    let Some(said) = headers.get(EXPECTED) else { return Ok(None) };
    let milliseconds = said.to_str().ok().and_then(|said| said.parse().ok());
    let bad = || {
        let detail = format!("{EXPECTED} must be a whole number of milliseconds");
        ApiError::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    };
    Ok(after(Duration::from_millis(milliseconds.ok_or_else(bad)?)))
}

/// The deadline after so long from now; none after no time, or after longer than there is.
pub(super) fn after(wait: Duration) -> Option<Instant> {
    Some(wait).filter(|wait| !wait.is_zero()).and_then(|wait| Instant::now().checked_add(wait))
}

/// Whichever comes first.
pub(super) fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

/// What comes of some work, as far as it ends before a deadline. It does not begin behind it.
pub(super) async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, PredictError>>,
) -> Result<T, PredictError> {
    // In one place, whether or not there is a deadline: what requests hold is moved about.
    let work = pin!(work);
    match deadline {
        None => work.await,
        Some(deadline) if deadline <= Instant::now() => Err(PredictError::TimedOut),
        Some(deadline) => tokio::time::timeout_at(deadline.into(), work).await.unwrap_or(Err(PredictError::TimedOut)),
    }
}
