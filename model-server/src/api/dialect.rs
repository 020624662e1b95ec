//! Errors as each protocol's clients read them. Routes and what stands before them answer with problems, as everywhere; what
//! is the same in all of them, status and headers, stays.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use contract::Problem;
use serde_json::json;

use super::Serving;

/// The longest error that is taken over, in bytes.
const LIMIT: usize = 64 * 1024;

/// How a protocol says what is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dialect {
    /// `{"error_code": "BAD_REQUEST", "message": "…"}`.
    Mlflow,
    /// `{"error": "…"}`.
    V2,
}

impl Dialect {
    /// The routes of a router, whose errors are said so.
    pub(super) fn spoken_by(self, router: Router<Serving>) -> Router<Serving> {
        router.route_layer(middleware::from_fn_with_state(self, speak))
    }

    fn body(self, status: StatusCode, said: &str) -> String {
        match self {
            Self::Mlflow => json!({ "error_code": error_code(status), "message": said }).to_string(),
            Self::V2 => json!({ "error": said }).to_string(),
        }
    }
}

async fn speak(State(dialect): State<Dialect>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LIMIT).await.unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&body).map(|problem| problem.detail);
    // What axum refuses by itself is plain text, or nothing.
    let said = problem.unwrap_or_else(|_| match String::from_utf8_lossy(&body) {
        nothing if nothing.is_empty() => status.canonical_reason().unwrap_or("Error").to_owned(),
        text => text.into_owned(),
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, Body::from(dialect.body(status, &said)))
}

/// MLflow's word for a status.
/// Source: `ERROR_CODE_TO_HTTP_STATUS` in `mlflow/exceptions.py`.
fn error_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "RESOURCE_DOES_NOT_EXIST",
        StatusCode::TOO_MANY_REQUESTS => "REQUEST_LIMIT_EXCEEDED",
        StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        status if status.is_client_error() => "BAD_REQUEST",
        _ => "INTERNAL_ERROR",
    }
}
