//! `ModelInfer`: predictions.

use std::io;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use prost::Message;
use scoring::{Batch, Output};
use service::ApiError;

use super::{
    super::{answer::Kept, named, rows},
    answer,
    proto::ModelInferRequest,
    request, wire,
};
use crate::{
    api::{
        Serving,
        exchange::{Answer, Asked, BODY_LIMIT, Exchange},
        guard::{self, Admitted, Rule},
    },
    serve::{Protocol, Version},
};

/// Which model a request for inference asks; its tensors are left to who may ask that.
#[derive(Clone, PartialEq, Message)]
struct Addressed {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
}

/// `ModelInfer`.
pub(in super::super::super) async fn infer(
    State(serving): State<Serving>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let message = wire::read(request, BODY_LIMIT).await?;
    let Addressed { model_name, model_version } = wire::decode(message.clone())?;
    let (name, choice) = named(model_name, model_version)?;
    let admitted = guard::let_in(&serving, (caller, Rule::Predict), Some(&name), Some(choice.clone()))?;
    let asked = Asked { loader: serving.loader, name, choice, admitted };
    Ok(wire::finish(asked.answer(Body::from(message), Infer).await?))
}

struct Infer;

impl Exchange for Infer {
    const PROTOCOL: Protocol = Protocol::Grpc;
    type Kept = Kept;

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, Kept), String> {
        let message = ModelInferRequest::decode(body.clone()).map_err(|_| "the message is no ModelInferRequest")?;
        let (request, inputs) = request::read(&message)?;
        let has_probabilities = !version.manifest.expected_output["probabilities"].is_null();
        let outputs = request.outputs(has_probabilities)?;
        let whole = request.parameters.as_ref().and_then(|parameters| parameters.content_type.as_deref());
        let batch = rows::rows(version.schema(), whole, &inputs)?;
        Ok((batch, Kept { id: request.id, outputs }))
    }

    fn write(version: &Version, output: &Output, kept: Kept) -> io::Result<Answer> {
        Ok(Answer::grpc(wire::framed(&answer::message(version, output, kept)?)?))
    }
}
