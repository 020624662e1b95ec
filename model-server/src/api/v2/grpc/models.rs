//! What there is.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use serde_json::Value;
use service::ApiError;

use super::{
    super::{metadata, named, repository},
    proto::{
        InferParameter, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse,
        RepositoryIndexRequest, RepositoryIndexResponse, ServerMetadataResponse, infer_parameter::ParameterChoice,
        model_metadata_response::TensorMetadata, repository_index_response::ModelIndex,
    },
    wire,
};
use crate::{
    access::Access,
    api::{
        Serving,
        guard::{self, Admitted, Rule},
        models,
    },
    sync::Loader,
};

/// `ServerMetadata`.
pub(in super::super::super) async fn server_metadata() -> Result<Response, ApiError> {
    let (name, version) = (metadata::NAME.to_owned(), metadata::VERSION.to_owned());
    wire::respond(&ServerMetadataResponse { name, version, extensions: Vec::new() })
}

/// `ModelReady`: whether the model, or a version of it, is served.
pub(in super::super::super) async fn model_ready(
    State(serving): State<Serving>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let (call, body) = request.into_parts();
    let asked: ModelReadyRequest = wire::decode(wire::read(&call.headers, body, wire::SHORT).await?)?;
    let (name, choice) = named(asked.name, &asked.version, &call)?;
    let admitted = guard::let_in(&serving, (caller, Rule::Know), Some(&name), &choice)?;
    let ready = match models::known((&serving.loader, &serving.access), &name, (&choice, &admitted)) {
        Ok(_) => true,
        Err(error) if error.status() == StatusCode::SERVICE_UNAVAILABLE => false,
        Err(error) => return Err(error),
    };
    wire::respond(&ModelReadyResponse { ready })
}

/// `ModelMetadata`: of the version that answers, or the one that is named.
pub(in super::super::super) async fn metadata(
    State(serving): State<Serving>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let (call, body) = request.into_parts();
    let asked: ModelMetadataRequest = wire::decode(wire::read(&call.headers, body, wire::SHORT).await?)?;
    let (name, choice) = named(asked.name, &asked.version, &call)?;
    let admitted = guard::let_in(&serving, (caller, Rule::Know), Some(&name), &choice)?;
    let model = metadata::describe((&serving.loader, &serving.access), &name, (&choice, &admitted))?;
    wire::respond(&ModelMetadataResponse {
        name: model.name,
        versions: model.versions,
        platform: model.platform.to_owned(),
        inputs: model.inputs.into_iter().map(tensor).collect(),
        outputs: model.outputs.into_iter().map(tensor).collect(),
    })
}

fn tensor(metadata::Tensor { name, datatype, shape, parameters }: metadata::Tensor) -> TensorMetadata {
    let mut known = HashMap::new();
    if let Some(Value::Object(parameters)) = parameters {
        for (key, value) in parameters {
            // They are all texts.
            let text = value.as_str().unwrap_or_default().to_owned();
            known.insert(key, InferParameter { parameter_choice: Some(ParameterChoice::StringParam(text)) });
        }
    }
    TensorMetadata { name, datatype: datatype.name().to_owned(), shape, parameters: known }
}

/// `RepositoryIndex`: every version that the caller may know of.
pub(in super::super::super) async fn index(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let (call, body) = request.into_parts();
    let RepositoryIndexRequest { ready, .. } = wire::decode(wire::read(&call.headers, body, wire::SHORT).await?)?;
    let model = |entry: repository::Entry| ModelIndex {
        name: entry.name.to_string(),
        version: entry.version,
        state: entry.state.to_owned(),
        reason: entry.reason,
    };
    let models = repository::entries((&loader, &access), &caller, ready).into_iter().map(model).collect();
    wire::respond(&RepositoryIndexResponse { models })
}

/// `RepositoryModelLoad` and `RepositoryModelUnload`: nobody.
pub(in super::super::super) async fn refuse() -> ApiError {
    repository::refuse().await
}
