//! `/model-registry`: an environment's bucket is looked through, and its table says what lies there.

use axum::{
    Json,
    extract::{Query, State},
};
use contract::Environment;
use registry::{Scan, Sources};
use serde::Deserialize;
use service::ApiError;
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail},
    error::{bad_request, from_artifact, from_store, from_warehouse, internal},
};

/// Which bucket.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RegistryQuery {
    /// The environment.
    env: String,
}

/// A bucket to look through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewScan {
    environment: Environment,
    /// Whether it is only looked what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Looks what lies in an environment's bucket, and has the table of its registry say so.
#[utoipa::path(
    post, path = "/model-registry", operation_id = "scanRegistry", tag = "tables", responses((status = OK, body = Scan)),
)]
pub(crate) async fn scan(
    State(backend): State<Backend>,
    trail: Trail,
    Json(NewScan { environment, dry_run }): Json<NewScan>,
) -> Result<Json<Scan>, ApiError> {
    done(&backend, &trail, &environment, !dry_run).await
}

/// The same, as one call for scripts.
#[utoipa::path(
    get, path = "/model-registry", operation_id = "registry", tag = "tables", params(RegistryQuery),
    responses((status = OK, body = Scan)),
)]
pub(crate) async fn call(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Query(RegistryQuery { env }): Query<RegistryQuery>,
) -> Result<Json<Scan>, ApiError> {
    caller.require_key("POST /model-registry")?;
    let environment = env.parse().map_err(|error: String| bad_request("bad_environment", error))?;
    done(&backend, &trail, &environment, true).await
}

async fn done(backend: &Backend, trail: &Trail, environment: &Environment, apply: bool) -> Result<Json<Scan>, ApiError> {
    trail.object(format_args!("registry of {}", environment.as_str()));
    let sources = Sources { store: &backend.store, artifacts: &backend.models.artifacts, warehouse: &backend.warehouse };
    let scan = registry::scan(sources, environment, apply).await.map_err(from_registry)?;
    if apply {
        let [added, changed, removed] = [&scan.added, &scan.changed, &scan.removed].map(Vec::len);
        trail.after(format_args!("{added} versions new, {changed} changed, {removed} gone"));
    } else {
        trail.after("only looked what would change");
    }
    Ok(Json(scan))
}

fn from_registry(error: registry::Error) -> ApiError {
    use registry::Error;
    match error {
        Error::Artifacts(error) => from_artifact(error),
        Error::Warehouse(error) => from_warehouse(error),
        Error::Store(error) => from_store(error),
        error @ Error::Foreign(_) => ApiError::new(axum::http::StatusCode::CONFLICT, "another_table", error.to_string()),
        Error::Rows(error) => internal(error),
    }
}
