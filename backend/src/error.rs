//! The one table from errors to problem+json.

use axum::http::StatusCode;
use service::ApiError;
use store::StoreError;

/// What a client is told when the store refuses.
pub(crate) fn from_store(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => not_found("nothing is stored under this id"),
        StoreError::Conflict => {
            ApiError::new(StatusCode::CONFLICT, "conflict", "it is there already, or has moved on since")
        }
        StoreError::Unavailable(_) => {
            tracing::error!(%error, "the store is away");
            ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the database can't be reached; try again shortly",
            )
        }
        StoreError::Fenced | StoreError::Corrupt(_) => internal(error),
    }
}

/// 500: what should never happen.
pub(crate) fn internal(error: impl std::fmt::Display) -> ApiError {
    tracing::error!(%error, "what should never happen");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an internal error; the log names this request")
}

/// 404.
pub(crate) fn not_found(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// 400.
pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, detail)
}
