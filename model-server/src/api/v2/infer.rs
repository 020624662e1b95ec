//! `POST /v2/models/{name}/infer`: predictions.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use scoring::{Batch, Extras, Prediction, Schema};
use service::ApiError;

use super::{
    super::{
        Named,
        choice::Choice,
        decode,
        exchange::{Answer, Asked, Exchange, JSON_LENGTH},
        model_name,
    },
    answer::{self, Kept},
    inflate::Encoding,
    request,
};
use crate::{
    api::guard::Admitted,
    serve::{Protocol, Version},
    sync::Loader,
};

/// `POST /v2/models/{name}[/versions/{version}]/infer?env=`.
pub(crate) async fn infer(
    State(loader): State<Arc<Loader>>,
    Path(named): Path<Named>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let encoding = Encoding::of(request.headers().get(header::CONTENT_ENCODING)).ok_or_else(|| {
        let detail = "a body may be compressed by gzip or deflate";
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    })?;
    let infer = Infer { encoding, json_length: json_length(request.headers())? };
    let name = model_name(named.name)?;
    Asked { loader, name, choice, admitted }.answer(request.into_body(), infer).await
}

/// The header that says so.
fn json_length(headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
    let Some(said) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let length = said.to_str().ok().and_then(|said| said.parse().ok());
    let bad = || ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "Inference-Header-Content-Length must be a length");
    length.map(Some).ok_or_else(bad)
}

struct Infer {
    encoding: Encoding,
    /// How much of the body is JSON, before it was compressed, if tensors follow it.
    json_length: Option<usize>,
}

/// The rows in a body of which so much is JSON, if tensors follow, and which may be compressed by gzip.
pub(crate) fn rows(schema: &Schema, json_length: Option<usize>, zipped: bool, body: &[u8]) -> Result<Batch, String> {
    let encoding = if zipped { Encoding::Gzip } else { Encoding::Identity };
    Infer { encoding, json_length }.asked(body, |request, inputs| request.rows(schema, inputs))
}

impl Infer {
    /// What is made of what a body asks.
    fn asked<T>(
        &self,
        body: &[u8],
        make: impl FnOnce(request::Request<'_>, &[request::Input<'_>]) -> Result<T, String>,
    ) -> Result<T, String> {
        let body = self.encoding.inflate(body)?;
        let Some((json, tensors)) = body.split_at_checked(self.json_length.unwrap_or(body.len())) else {
            return Err("the body is shorter than Inference-Header-Content-Length says".to_owned());
        };
        let json = decode::without_nan(json);
        let (request, inputs) = request::Request::read(&json, tensors)?;
        make(request, &inputs)
    }
}

/// The rows of a request, however it came, and what its answer needs.
pub(super) fn read(
    version: &Version,
    request: request::Request<'_>,
    inputs: &[request::Input<'_>],
) -> Result<(Batch, Kept), String> {
    let outputs = request.outputs(version)?;
    let parameters = request.parameters.as_ref();
    let timeout = parameters.and_then(|parameters| parameters.timeout).map(Duration::from_micros);
    let batch = request.rows(version.schema(), inputs)?;
    Ok((batch, Kept { id: request.id, outputs, timeout }))
}

impl Exchange for Infer {
    const PROTOCOL: Protocol = Protocol::V2;
    type Kept = Kept;

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, Kept), String> {
        self.asked(body, |request, inputs| read(version, request, inputs))
    }

    fn patience(kept: &Kept) -> Option<Duration> {
        kept.timeout
    }

    fn extras(kept: &Kept) -> Extras {
        kept.extras()
    }

    fn write(version: &Version, prediction: &Prediction, kept: Kept) -> io::Result<Answer> {
        answer::write(version, prediction, kept)
    }
}
