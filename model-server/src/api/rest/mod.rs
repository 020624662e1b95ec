//! `POST /predict/{name}`: rows as JSON, in any of the accepted shapes.

mod answer;

use std::{io, sync::Arc};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    response::Response,
};
use scoring::{Batch, Output};
use service::ApiError;

use super::{
    Named,
    choice::Choice,
    decode::{self, Shapes},
    exchange::{Answer, Asked, Exchange},
    guard::Admitted,
    model_name,
};
use crate::{
    serve::{Protocol, Version},
    sync::Loader,
};

/// `POST /predict/{name}[/versions/{version}]?version=&env=&routing_key=`: the predictions for some rows.
pub(super) async fn predict(
    State(loader): State<Arc<Loader>>,
    Path(named): Path<Named>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    answer(Asked { loader, name: model_name(named.name)?, choice, admitted }, request.into_body()).await
}

/// The predictions for the rows in a body.
pub(super) async fn answer(asked: Asked, body: Body) -> Result<Response, ApiError> {
    asked.answer(body, Rest).await
}

struct Rest;

impl Exchange for Rest {
    const PROTOCOL: Protocol = Protocol::Rest;
    type Kept = ();

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, ()), String> {
        Ok((decode::decode(version.schema(), Shapes::Ours, body)?, ()))
    }

    fn write(version: &Version, output: &Output, (): ()) -> io::Result<Answer> {
        Ok(Answer::json(answer::write(version, output)?))
    }
}
