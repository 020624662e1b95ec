//! The one table from errors to problem+json.

use axum::http::StatusCode;
use fleet::LoadError;
use rollout::RolloutError;
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
            tracing::error!(%error, "the store is unavailable");
            ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the database can't be reached; try again shortly",
            )
        }
        StoreError::Sealed(detail) => {
            tracing::error!(detail, "a secret can't be used");
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "secrets_unavailable", detail)
        }
        StoreError::Fenced | StoreError::Corrupt(_) => internal(error),
    }
}

/// 500: an internal error.
pub(crate) fn internal(error: impl std::fmt::Display) -> ApiError {
    tracing::error!(%error, "an internal error");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an internal error; the log names this request")
}

/// What a client is told of a change that was not made.
pub(crate) fn from_rollout(error: RolloutError) -> ApiError {
    let detail = error.to_string();
    let (status, code) = match error {
        RolloutError::Store(error) => return from_store(error),
        RolloutError::Artifact(error) => return from_artifact(error),
        RolloutError::NotDeployed { .. } | RolloutError::NotEligible { .. } => (StatusCode::CONFLICT, "not_deployed"),
        RolloutError::AlreadyDeployed { .. } => (StatusCode::CONFLICT, "already_deployed"),
        RolloutError::NothingDeployed(_) => (StatusCode::CONFLICT, "nothing_deployed"),
        RolloutError::AnotherCandidate { .. } => (StatusCode::CONFLICT, "another_candidate"),
        RolloutError::NoCandidate(_) => (StatusCode::CONFLICT, "no_candidate"),
        RolloutError::UnknownVersion(_) => (StatusCode::NOT_FOUND, "not_found"),
        RolloutError::NothingToRollBackTo(_) => (StatusCode::CONFLICT, "nothing_to_roll_back_to"),
        RolloutError::InProgress { .. } | RolloutError::Overtaken(_) => (StatusCode::CONFLICT, "deployment_in_progress"),
        RolloutError::Load(LoadError::Refused(_)) => (StatusCode::UNPROCESSABLE_ENTITY, "model_refused"),
        RolloutError::Load(_) => (StatusCode::BAD_GATEWAY, "model_server_unavailable"),
        RolloutError::Mlflow(_) => (StatusCode::BAD_GATEWAY, "mlflow_unavailable"),
        RolloutError::Unsettled => (StatusCode::SERVICE_UNAVAILABLE, "change_unsettled"),
        // Only pushes meet these.
        RolloutError::Newer { .. } | RolloutError::RolledBack(_) => return internal(detail),
    };
    ApiError::new(status, code, detail)
}

/// What a client is told when a version's files can't be used.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn from_artifact(error: artifacts::Error) -> ApiError {
    use artifacts::Error;
    tracing::error!(%error, "a version's files can't be used");
    let (status, code, detail) = match error {
        Error::DigestMismatch { .. } | Error::BadManifest { .. } | Error::Conflict { .. } => {
            (StatusCode::CONFLICT, "digest_mismatch", "the version's files are not those that were registered")
        }
        Error::Missing { .. } | Error::Refused { .. } => {
            (StatusCode::CONFLICT, "artifact_missing", "the version's files are not where they were put")
        }
        Error::Unavailable { .. } | Error::Denied { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "artifacts_unavailable",
            "the version's files can't be read; try again shortly",
        ),
    };
    ApiError::new(status, code, detail)
}

/// What a client is told when a batch prediction can't be made.
pub(crate) fn from_tables(error: tables::Error) -> ApiError {
    use tables::Error;
    let detail = error.to_string();
    let code = match error {
        Error::Warehouse(error) => return from_warehouse(error),
        Error::Store(error) => return from_store(error),
        Error::Artifacts(error) => return from_artifact(error),
        Error::NotFound(_) => return not_found(detail),
        Error::Missing(_) => "columns_missing",
        Error::WrongType(_) => "column_type",
        Error::Empty { .. } => "input_empty",
        Error::Refused(_) => "bad_request",
        // Only workers meet these.
        Error::Rejected { .. } | Error::Overtaken(_) | Error::Model(_) | Error::Kept(_) | Error::Stopped => {
            return internal(detail);
        }
    };
    bad_request(code, detail)
}

/// What a client is told when a table can't be read or written.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn from_warehouse(error: warehouse::Error) -> ApiError {
    use warehouse::Error;
    let (status, code) = match &error {
        Error::BadName { .. } => (StatusCode::BAD_REQUEST, "bad_table_name"),
        Error::NoTable { .. } | Error::NoVersion { .. } => (StatusCode::NOT_FOUND, "not_found"),
        Error::NotEmpty { .. } => (StatusCode::CONFLICT, "table_not_empty"),
        Error::Unfit { .. } => (StatusCode::CONFLICT, "columns_do_not_fit"),
        Error::Unsupported { .. } => (StatusCode::CONFLICT, "table_unsupported"),
        Error::Damaged { .. } => (StatusCode::CONFLICT, "table_damaged"),
        Error::Busy { .. } | Error::Unsure { .. } => (StatusCode::SERVICE_UNAVAILABLE, "table_busy"),
        Error::Objects(_) => {
            tracing::error!(%error, "the tables can't be reached");
            let detail = "the tables can't be read or written; the log says why";
            return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "tables_unavailable", detail);
        }
    };
    ApiError::new(status, code, error.to_string())
}

/// 404.
pub(crate) fn not_found(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// 400.
pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, code, detail)
}
