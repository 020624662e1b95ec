//! The one table that turns what can go wrong into HTTP statuses.

use axum::http::{HeaderValue, StatusCode, header};
use scoring::PredictError;
use service::ApiError;

use crate::{load::LoadError, serve::Unserved};

/// For a request that no version answers.
pub(super) fn unserved(error: Unserved) -> ApiError {
    let (status, code) = match error {
        Unserved::Loading => (StatusCode::SERVICE_UNAVAILABLE, "model_loading"),
        Unserved::Failed => (StatusCode::SERVICE_UNAVAILABLE, "model_unavailable"),
        Unserved::OtherVersion => (StatusCode::NOT_FOUND, "version_not_found"),
        Unserved::Unknown => (StatusCode::NOT_FOUND, "model_not_found"),
    };
    let problem = ApiError::new(status, code, error.to_string());
    if matches!(error, Unserved::Loading) { retry(problem) } else { problem }
}

/// For rows that were not predicted.
pub(super) fn predict(error: PredictError) -> ApiError {
    let detail = error.to_string();
    match error {
        PredictError::BadInput(_) => ApiError::new(StatusCode::BAD_REQUEST, "bad_input", detail),
        PredictError::Overloaded => retry(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", detail)),
        PredictError::Restarting(_) | PredictError::Died(_) => {
            retry(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "model_restarting", detail))
        }
        PredictError::Waking => retry(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "model_waking", detail)),
        PredictError::Asleep(_) => retry(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "model_asleep", detail)),
        PredictError::TimedOut => ApiError::new(StatusCode::GATEWAY_TIMEOUT, "prediction_timeout", detail),
        PredictError::Failed(reason) => {
            service::in_request(|| tracing::error!(reason, "a prediction failed"));
            // It names what went wrong and quotes no value.
            let detail = format!("the rows were not predicted: {reason}");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "prediction_failed", detail)
        }
    }
}

/// For a version that was not put into service, or not taken out of it.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn load(error: LoadError) -> ApiError {
    use artifacts::Error as Artifact;
    let status = match &error {
        LoadError::Artifact(Artifact::Refused { .. }) | LoadError::BadDigest | LoadError::BadShares(_) => {
            StatusCode::BAD_REQUEST
        }
        LoadError::Artifact(Artifact::DigestMismatch { .. } | Artifact::Missing { .. } | Artifact::BadManifest { .. })
        | LoadError::Model(_)
        | LoadError::TooLarge(_)
        | LoadError::Provenance(_)
        | LoadError::NoProvenance => StatusCode::UNPROCESSABLE_ENTITY,
        LoadError::Stale { .. } | LoadError::NotLoaded { .. } => StatusCode::CONFLICT,
        LoadError::NotServed => StatusCode::NOT_FOUND,
        LoadError::Artifact(Artifact::Conflict { .. } | Artifact::Denied { .. } | Artifact::Unavailable { .. })
        | LoadError::State(_)
        | LoadError::Lost => StatusCode::INTERNAL_SERVER_ERROR,
    };
    ApiError::new(status, error.code(), error.to_string())
}

fn retry(error: ApiError) -> ApiError {
    error.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
