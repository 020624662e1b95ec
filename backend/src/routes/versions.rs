//! `/api/models/{name}/versions` and `/history`: what was registered, and where it was in service.

use artifacts::VersionLocation;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use contract::{ModelManifest, ModelName};
use serde::Serialize;
use service::ApiError;
use store::{DeploymentEvent, VersionRecord};
use utoipa::ToSchema;

use crate::{
    Backend,
    error::{from_artifact, from_store, not_found},
    routes::{
        models::known,
        parse,
        pipelines::{Page, PageQuery},
    },
};

/// A version, with what it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionDetail {
    #[serde(flatten)]
    record: VersionRecord,
    /// Its `metadata.json`.
    manifest: ModelManifest,
    links: VersionLinks,
}

/// Where more of a version is to be seen.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionLinks {
    /// The commit at the code host; null: it has no pages.
    #[schema(required)]
    commit: Option<String>,
    /// The run in MLflow.
    #[schema(required)]
    mlflow_run: Option<String>,
    /// The version in MLflow.
    #[schema(required)]
    mlflow_version: Option<String>,
    /// What is said, signed, of where it comes from; null: nothing is, as an mlsys of before made it or a worker without a key.
    #[schema(required)]
    provenance: Option<String>,
}

/// A model's versions, newest first.
#[utoipa::path(
    get, path = "/api/models/{name}/versions", operation_id = "listVersions", tag = "models", params(PageQuery),
    responses((status = OK, body = Page<VersionRecord>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<VersionRecord>>, ApiError> {
    let name: ModelName = parse(&name)?;
    known(&backend, &name).await?;
    let found = backend.store.serving.model_versions(&name, page.number()?, page.limit()).await.map_err(from_store)?;
    Ok(Json(Page { items: found.0, next: found.1.map(|version| version.to_string()) }))
}

/// A model's version, with its manifest.
#[utoipa::path(
    get, path = "/api/models/{name}/versions/{version}", operation_id = "getVersion", tag = "models",
    responses((status = OK, body = VersionDetail)),
)]
pub(crate) async fn one(
    State(backend): State<Backend>,
    Path((name, version)): Path<(String, u64)>,
) -> Result<Json<VersionDetail>, ApiError> {
    let name: ModelName = parse(&name)?;
    let record = backend.store.serving.model_version(&name, version).await.map_err(from_store)?;
    let record = record.ok_or_else(|| not_found(format!("there is no version {version} of a model {name}")))?;
    let location = VersionLocation { uri: record.uri.clone(), sha256: record.sha256.clone() };
    let manifest = backend.models.artifacts.manifest(&location).await.map_err(from_artifact)?;
    let said = backend.models.artifacts.provenance(&location).await.map_err(from_artifact)?;
    let links = links(&backend, &name, &record, said.is_some());
    Ok(Json(VersionDetail { record, manifest, links }))
}

/// Where a version comes from: an in-toto statement in a DSSE envelope, signed by the key of this mlsys. 404 for a version of
/// which nothing was said when it was registered.
#[utoipa::path(
    get, path = "/api/models/{name}/versions/{version}/provenance", operation_id = "getProvenance", tag = "models",
    responses((status = OK, body = Value, content_type = "application/vnd.dsse.envelope.v1+json")),
)]
pub(crate) async fn provenance(
    State(backend): State<Backend>,
    Path((name, version)): Path<(String, u64)>,
) -> Result<Response, ApiError> {
    let name: ModelName = parse(&name)?;
    let record = backend.store.serving.model_version(&name, version).await.map_err(from_store)?;
    let record = record.ok_or_else(|| not_found(format!("there is no version {version} of a model {name}")))?;
    let location = VersionLocation { uri: record.uri, sha256: record.sha256 };
    let said = backend.models.artifacts.provenance(&location).await.map_err(from_artifact)?;
    let said = said.ok_or_else(|| not_found(format!("nothing signed says where version {version} of {name} comes from")))?;
    Ok(([(CONTENT_TYPE, "application/vnd.dsse.envelope.v1+json")], said).into_response())
}

/// Where and when a model's versions were in service, newest first.
#[utoipa::path(
    get, path = "/api/models/{name}/history", operation_id = "listDeployments", tag = "models", params(PageQuery),
    responses((status = OK, body = Page<DeploymentEvent>)),
)]
pub(crate) async fn history(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<DeploymentEvent>>, ApiError> {
    let name: ModelName = parse(&name)?;
    known(&backend, &name).await?;
    let found = backend.store.serving.deployment_events(&name, page.number()?, page.limit()).await.map_err(from_store)?;
    Ok(Json(Page { items: found.0, next: found.1.map(|generation| generation.to_string()) }))
}

fn links(backend: &Backend, name: &ModelName, record: &VersionRecord, is_signed: bool) -> VersionLinks {
    VersionLinks {
        commit: backend.host(&record.repo).commit_page(&record.repo, &record.commit_sha),
        mlflow_run: record.mlflow_run_id.as_deref().map(|id| backend.models.mlflow_pages.run(id)),
        mlflow_version: Some(backend.models.mlflow_pages.version(name, record.version)),
        provenance: is_signed.then(|| format!("/api/models/{name}/versions/{}/provenance", record.version)),
    }
}
