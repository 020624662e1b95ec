//! What is answered in MLflow's stead, in the form of its own errors.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mlflow::MlflowError;
use serde_json::json;

/// Why a request is not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token of a run that goes on was shown.
    Unknown,
    /// The request can be read in more than one way, or in none.
    Unclear(String),
    /// It is more than is read.
    TooLarge,
    /// This run may not do that; the text says what it may do instead.
    Forbidden(String),
    /// There is no such thing.
    Missing(String),
    /// MLflow's client knows another way, and takes it on this answer.
    Unsupported(&'static str),
    /// MLflow does not answer, or not in time: the client tries again.
    Unavailable(String),
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str, String) {
        match self {
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHENTICATED",
                "this address is for notebooks of mlsys while they run: MLflow's client shows MLFLOW_TRACKING_TOKEN by itself, \
                 as `Authorization: Bearer …`, and the token is void when its run has ended"
                    .to_owned(),
            ),
            Self::Unclear(message) => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "INVALID_PARAMETER_VALUE", "the request is larger than 4 MiB".to_owned())
            }
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "PERMISSION_DENIED", message),
            Self::Missing(message) => (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message),
            Self::Unsupported(message) => (StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message.to_owned()),
            Self::Unavailable(message) => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", message),
        }
    }
}

impl From<MlflowError> for Refusal {
    fn from(error: MlflowError) -> Self {
        // Our own question failed, not the notebook's request.
        Self::Unavailable(match error {
            MlflowError::Unavailable { .. } => "MLflow does not answer".to_owned(),
            _ => "MLflow's answer could not be understood".to_owned(),
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let mut response = (status, Json(json!({ "error_code": code, "message": message }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
