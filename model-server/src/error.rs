//! What can go wrong, and the one table that turns it into problem+json.

use std::{io, path::PathBuf};

use axum::http::{HeaderValue, StatusCode, header};
use service::ApiError;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// ONNX Runtime's library cannot be loaded.
    #[error("ONNX Runtime at {}: {reason}", path.display())]
    OnnxRuntime {
        /// The library.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The Python interpreter cannot say where its ONNX Runtime is.
    #[error("no ONNX Runtime was found with {}: {reason}", python.display())]
    NoOnnxRuntime {
        /// The interpreter that was asked.
        python: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The artifact store can't be opened.
    #[error("MLSYS_ARTIFACTS: {0}")]
    Artifacts(#[from] artifacts::Error),
    /// There can be no connection to the backend.
    #[error("the backend's client: {0}")]
    Client(#[from] reqwest::Error),
    /// The state directory cannot be used.
    #[error("{}: {source}", path.display())]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StartError {
    pub(crate) fn state(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::State { path: path.into(), source }
    }
}

/// Why rows were not predicted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PredictError {
    /// The rows are not what the model takes. The text names columns, never values.
    #[error("{0}")]
    BadInput(String),
    /// As many requests as the model may have are in hand.
    #[error("the model has as many requests as it can take; try again")]
    Overloaded,
    /// The model's process died; another one is starting.
    #[error("the model's process is restarting; try again")]
    Restarting,
    /// It took too long.
    #[error("the prediction took too long")]
    TimedOut,
    /// The model failed on rows that it should take. The text is for the log.
    #[error("{0}")]
    Failed(String),
}

impl PredictError {
    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadInput(_) => StatusCode::BAD_REQUEST,
            Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::Restarting => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<PredictError> for ApiError {
    fn from(error: PredictError) -> Self {
        let (status, detail) = (error.status(), error.to_string());
        match error {
            PredictError::BadInput(_) => Self::new(status, "bad_input", detail),
            PredictError::Overloaded => retry(Self::new(status, "overloaded", detail)),
            PredictError::Restarting => retry(Self::new(status, "model_restarting", detail)),
            PredictError::TimedOut => Self::new(status, "prediction_timeout", detail),
            PredictError::Failed(reason) => {
                tracing::error!(reason, "a prediction failed");
                Self::new(status, "prediction_failed", "the model failed on these rows; the server's log has the reason")
            }
        }
    }
}

fn retry(error: ApiError) -> ApiError {
    error.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Why a model was not put into service, or not taken out of it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// Its files are not there, not allowed, or not the right ones.
    #[error(transparent)]
    Artifact(#[from] artifacts::Error),
    /// Its manifest is of another model, or of a kind that is not served.
    #[error("metadata.json: {0}")]
    BadManifest(String),
    /// The request's digest is not one.
    #[error("sha256 must be 64 lower-case hex digits")]
    BadDigest,
    /// The Python environment that it names is not on this machine.
    #[error("the Python environment {0:?} is not here")]
    NoEnvironment(String),
    /// It does not start.
    #[error("the model does not start: {0}")]
    NotStarted(String),
    /// It does not answer its own example as the estimator did.
    #[error("the model's answer to its example is not the expected one: {0}")]
    Disproved(String),
    /// It is not served there.
    #[error("the model is not served in that environment")]
    NotServed,
    /// A newer deployment was here before.
    #[error("generation {known} of this model was here before")]
    Stale {
        /// The newest generation that is known of the place.
        known: u64,
    },
    /// The server cannot remember what is deployed.
    #[error("{0}")]
    State(#[from] io::Error),
    /// The load ended unexpectedly.
    #[error("the load ended unexpectedly")]
    Lost,
}

impl LoadError {
    /// The HTTP status and the stable word.
    pub(crate) fn kind(&self) -> (StatusCode, &'static str) {
        use artifacts::Error as Artifact;
        let unusable = StatusCode::UNPROCESSABLE_ENTITY;
        match self {
            Self::Artifact(Artifact::DigestMismatch { .. }) => (unusable, "digest_mismatch"),
            Self::Artifact(Artifact::Missing { .. }) => (unusable, "artifact_missing"),
            Self::Artifact(Artifact::Refused { .. }) => (StatusCode::BAD_REQUEST, "uri_refused"),
            Self::Artifact(Artifact::BadManifest { .. }) | Self::BadManifest(_) => (unusable, "bad_manifest"),
            Self::BadDigest => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::NoEnvironment(_) => (unusable, "environment_missing"),
            Self::NotStarted(_) => (unusable, "model_not_started"),
            Self::Disproved(_) => (unusable, "smoke_test_failed"),
            Self::Stale { .. } => (StatusCode::CONFLICT, "stale_generation"),
            Self::NotServed => (StatusCode::NOT_FOUND, "model_not_found"),
            Self::Artifact(Artifact::Conflict { .. } | Artifact::Denied { .. } | Artifact::Unavailable { .. })
            | Self::State(_)
            | Self::Lost => (StatusCode::INTERNAL_SERVER_ERROR, "storage_failed"),
        }
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> Self {
        let (status, code) = error.kind();
        Self::new(status, code, error.to_string())
    }
}
