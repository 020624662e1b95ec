//! `ModelInfer`: predictions.

use std::{io, time::Duration};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use prost::Message;
use scoring::{Batch, Extras, Prediction, Schema};
use service::ApiError;

use super::{
    super::{super::v2, answer::Kept, infer::read, named},
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
    let (call, body) = request.into_parts();
    let message = wire::read(&call.headers, body, BODY_LIMIT).await?;
    let Addressed { model_name, model_version } = wire::decode(message.clone())?;
    let (name, choice) = named(model_name, &model_version, &call)?;
    let admitted = guard::let_in(&serving, (caller, Rule::Predict), Some(&name), &choice)?;
    let asked = Asked { loader: serving.loader, name, choice, admitted };
    Ok(wire::finish(asked.answer(Body::from(message), Infer).await?))
}

struct Infer;

/// The rows in a message.
pub(crate) fn rows(schema: &Schema, message: &Bytes) -> Result<Batch, String> {
    asked(message, |request, inputs| request.rows(schema, inputs))
}

/// What is made of what a message asks.
fn asked<T>(
    message: &Bytes,
    make: impl FnOnce(v2::request::Request<'_>, &[v2::request::Input<'_>]) -> Result<T, String>,
) -> Result<T, String> {
    let message = ModelInferRequest::decode(message.clone()).map_err(|_| "the message is no ModelInferRequest")?;
    let (request, inputs) = request::read(&message)?;
    make(request, &inputs)
}

impl Exchange for Infer {
    const PROTOCOL: Protocol = Protocol::Grpc;
    type Kept = Kept;

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, Kept), String> {
        asked(body, |request, inputs| read(version, request, inputs))
    }

    fn patience(kept: &Kept) -> Option<Duration> {
        kept.timeout
    }

    fn extras(kept: &Kept) -> Extras {
        kept.extras()
    }

    fn write(version: &Version, prediction: &Prediction, kept: Kept) -> io::Result<Answer> {
        Ok(Answer::grpc(wire::framed(&answer::message(version, prediction, kept)?)?))
    }
}
