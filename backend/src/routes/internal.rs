//! What model-servers ask: what is deployed, and who may ask them.

use axum::{
    Json,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use contract::{Desired, DesiredModel, LoadRequest, ServerReport};
use service::ApiError;
use store::{Deployment, Serves};

use crate::{
    Backend,
    error::{bad_request, from_store},
};

/// `POST /internal/model-servers`: keeps a server's report, and answers with what is deployed and which keys let somebody in, or
/// 304 where that has not changed.
pub(crate) async fn report(
    State(backend): State<Backend>,
    headers: HeaderMap,
    Json(report): Json<ServerReport>,
) -> Result<Response, ApiError> {
    if !report.address.starts_with("http://") && !report.address.starts_with("https://") {
        return Err(bad_request("bad_address", "address must be the http(s) address of the model-server"));
    }
    backend.store.serving.report_server(&report).await.map_err(from_store)?;
    let (change, deployed) = backend.store.serving.desired().await.map_err(from_store)?;
    let listed = backend.auth.listed(&backend.store).await.map_err(from_store)?;
    let etag = format!("\"{change}-{}\"", listed.digest);
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let models = deployed.into_iter().map(desired).collect();
    let desired = Desired { change, models, access: Some(listed.access.clone()) };
    Ok(([(ETAG, etag)], Json(desired)).into_response())
}

fn desired(Serves { deployment, weight, shadow }: Serves) -> DesiredModel {
    let Deployment { model, environment, version, uri, sha256, generation, .. } = deployment;
    let load = LoadRequest { version, uri, sha256, environment, generation };
    DesiredModel { model_name: model, load, weight, shadow }
}
