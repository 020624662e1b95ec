//! Errors as each protocol's clients read them. Routes and what stands before them answer with problems, as everywhere; what
//! is the same in all of them, status and headers, stays.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, response::Parts},
    middleware::{self, Next},
    response::Response,
};
use contract::Problem;
use serde_json::json;
use tonic::{Code, Status};

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
    /// `grpc-status: 3` and `grpc-message: …`, as headers.
    Grpc,
}

impl Dialect {
    /// The routes of a router, whose errors are said so.
    pub(super) fn spoken_by(self, router: Router<Serving>) -> Router<Serving> {
        router.route_layer(middleware::from_fn_with_state(self, speak))
    }

    /// Says it, in headers or in a body.
    fn say(self, parts: &mut Parts, said: &str) -> Body {
        let json = match self {
            Self::Mlflow => json!({ "error_code": error_code(parts.status), "message": said }),
            Self::V2 => json!({ "error": said }),
            Self::Grpc => {
                let failed = Status::new(grpc_code(parts.status), said).into_http::<Body>();
                parts.status = failed.status();
                parts.headers.extend(failed.headers().clone());
                return Body::empty();
            }
        };
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Body::from(json.to_string())
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
    let body = dialect.say(&mut parts, &said);
    Response::from_parts(parts, body)
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

/// gRPC's word for a status. Source: `doc/statuscodes.md` of `github.com/grpc/grpc`.
fn grpc_code(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Code::Unimplemented,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        status if status.is_client_error() => Code::InvalidArgument,
        _ => Code::Internal,
    }
}
