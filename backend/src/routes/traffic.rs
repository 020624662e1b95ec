//! `/api/models/{name}/traffic`: what the model-servers count.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use contract::ModelName;
use fleet::VersionTraffic;
use jiff::Timestamp;
use serde::Serialize;
use service::ApiError;
use utoipa::ToSchema;

use crate::{
    Backend,
    error::from_store,
    routes::{models::known, parse},
};

/// What was asked of a model's versions, over all model-servers, since these started: a number that is less than it was
/// before says that a server started anew, or went.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelTraffic {
    /// When the servers were asked.
    at: Timestamp,
    /// Each version that was loaded since, by its number.
    versions: Vec<VersionTraffic>,
}

/// What is asked of a model's versions; rates are the differences between two answers.
#[utoipa::path(
    get, path = "/api/models/{name}/traffic", operation_id = "getTraffic", tag = "models",
    responses((status = OK, body = ModelTraffic)),
)]
pub(crate) async fn traffic(
    State(backend): State<Backend>,
    Path(name): Path<String>,
) -> Result<Json<ModelTraffic>, ApiError> {
    let name: ModelName = parse(&name)?;
    known(&backend, &name).await?;
    let servers = backend.store.serving.model_servers(fleet::SEEN_WITHIN).await.map_err(from_store)?;
    let addresses = servers.into_iter().map(|(report, _)| report.address).collect();
    let versions = backend.models.fleet.traffic(addresses, &name).await.map_err(|error| {
        ApiError::new(StatusCode::BAD_GATEWAY, "model_server_unavailable", format!("{error}; try again shortly"))
    })?;
    Ok(Json(ModelTraffic { at: Timestamp::now(), versions }))
}
