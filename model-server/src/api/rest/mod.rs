//! `POST /predict/{name}`: rows as JSON, in any of the accepted shapes.

mod answer;
mod more;

use std::{io, sync::Arc};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    response::Response,
};
use scoring::{Batch, Extras, Prediction};
use service::ApiError;

use super::{
    Named,
    choice::Choice,
    decode::{self, Shapes},
    exchange::{Answer, Asked, Exchange},
    guard::Admitted,
    model_name,
    wants::Wants,
};
use crate::{
    serve::{Protocol, Version},
    sync::Loader,
};

/// `POST /predict/{name}[/versions/{version}]?version=&env=&routing_key=&outputs=&top_k=&explain=`: the predictions for some
/// rows, and what else is asked for.
pub(super) async fn predict(
    State(loader): State<Arc<Loader>>,
    Path(named): Path<Named>,
    choice: Choice,
    wants: Wants,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    answer(Asked { loader, name: model_name(named.name)?, choice, admitted }, wants, request.into_body()).await
}

/// The answer for the rows in a body.
pub(super) async fn answer(asked: Asked, wants: Wants, body: Body) -> Result<Response, ApiError> {
    asked.answer(body, Rest(wants)).await
}

struct Rest(Wants);

impl Exchange for Rest {
    const PROTOCOL: Protocol = Protocol::Rest;
    type Kept = Wants;

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, Wants), String> {
        self.0.check(version)?;
        Ok((decode::decode(version.schema(), Shapes::Ours, body)?, self.0))
    }

    fn extras(wants: &Wants) -> Extras {
        wants.extras()
    }

    fn write(version: &Version, prediction: &Prediction, wants: Wants) -> io::Result<Answer> {
        Ok(Answer::json(answer::write(version, prediction, wants)?))
    }
}
