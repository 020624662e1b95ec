//! What surrounds every request: its id, its span, its time limit, and an answer when its handler panics.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::{
    ApiError, problem,
    telemetry::{self, metrics},
};

/// The header that names a request, taken over from the client or given by us.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The last resort against handlers that never end. Routes that must answer sooner have limits of their own; a
/// WebSocket's handler ends with the upgrade, so its conversation is not limited.
const HANDLER_LIMIT: Duration = Duration::from_mins(15);

/// What is asked so often, by machines, that a trace of each would hide the others.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];
/// The route of requests that no route matches.
const UNMATCHED: &str = "unmatched";

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// The id of the request being handled; empty outside of one.
pub(crate) fn current_id() -> String {
    CURRENT.try_with(|id| id.to_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Gives a router what all ours have: a request id (kept or new, and answered), a span per request, in the trace that a
/// `traceparent` names, problem+json for every error that has no body of its own kind (unknown paths and methods, rejected
/// input, panics), a time limit, and numbers by route.
pub fn layers(router: Router) -> Router {
    metrics::recorder();
    router.layer(CatchPanicLayer::custom(answer_panic)).layer(middleware::from_fn(surround))
}

async fn surround(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let (method, matched) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let route = matched.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let span = span(&request, route, &id);
    telemetry::receive_trace(&span, request.headers());
    let handled = async {
        let response = match tokio::time::timeout(HANDLER_LIMIT, next.run(request)).await {
            Ok(response) => problem::normalize(response).await,
            Err(_) => ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took too long").into_response(),
        };
        log(&response, started.elapsed());
        response
    };
    let mut response = CURRENT.scope(id.clone(), handled.instrument(span.clone())).await;
    if telemetry::exporting() {
        telemetry::mark_answered(&span, response.status().as_u16());
    }
    metrics::http_request(route, &method, response.status().as_u16(), started.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn span(request: &Request, route: &str, id: &HeaderValue) -> Span {
    let (method, id) = (request.method(), id.to_str().unwrap_or_default());
    if PROBES.contains(&route) {
        return tracing::debug_span!("probe", url.path = route, request.id = id);
    }
    let exported = telemetry::exporting();
    tracing::info_span!(
        "request",
        otel.kind = exported.then_some("server"),
        otel.name = exported.then(|| format!("{method} {route}")),
        http.request.method = %method,
        http.route = exported.then_some(route),
        url.path = request.uri().path(),
        request.id = id,
        trace_id = tracing::field::Empty,
    )
}

/// The client's id when it is short and visible ASCII (it goes into logs), else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let given =
        request.headers().get(REQUEST_ID).filter(|id| id.len() <= 128 && id.as_bytes().iter().all(u8::is_ascii_graphic));
    given.filter(|id| !id.is_empty()).cloned().unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let id = Uuid::now_v7().as_hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"))
    })
}

fn log(response: &Response, took: Duration) {
    let (status, duration_ms) = (response.status().as_u16(), took.as_secs_f64() * 1000.0);
    // 503 is what a server says on purpose, to probes above all.
    if response.status().is_server_error() && response.status() != StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(http.status = status, duration_ms, "answered");
    } else {
        tracing::debug!(http.status = status, duration_ms, "answered");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn answer_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(parent: Span::current(), panic.message = message.unwrap_or("?"), "a handler panicked");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log has the reason").into_response()
}
