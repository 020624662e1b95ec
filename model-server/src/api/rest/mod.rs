//! `POST /predict/{name}`: rows as JSON, in any of the accepted shapes, or as columns of Arrow's.

mod answer;
mod arrow;
mod forms;
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

pub(super) use self::forms::Forms;
use super::{
    Named,
    choice::Choice,
    decode::{self, Shapes},
    exchange::{Answer, Asked, Exchange, is_long},
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
    let asked = Asked { loader, name: model_name(named.name)?, choice, admitted };
    answer(asked, (wants, Forms::read(request.headers())?), request.into_body()).await
}

/// The answer for the rows in a body.
pub(super) async fn answer(asked: Asked, (wants, forms): (Wants, Forms), body: Body) -> Result<Response, ApiError> {
    asked.answer(body, Rest(wants, forms)).await
}

struct Rest(Wants, Forms);

impl Exchange for Rest {
    const PROTOCOL: Protocol = Protocol::Rest;
    type Kept = (Wants, bool);

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, Self::Kept), String> {
        let Self(wants, forms) = self;
        wants.check(version)?;
        let batch = match forms.columns {
            None => decode::decode(version.schema(), Shapes::Ours, body)?,
            Some(form) => decode::arrow::decode(version.schema(), form, body)?,
        };
        Ok((batch, (*wants, forms.answers_arrow)))
    }

    fn is_long(&self, length: usize) -> bool {
        is_long(length, self.1.columns.is_some())
    }

    fn extras((wants, _): &Self::Kept) -> Extras {
        wants.extras()
    }

    fn write(version: &Version, prediction: &Prediction, (wants, answers_arrow): Self::Kept) -> io::Result<Answer> {
        Ok(if answers_arrow {
            Answer::arrow(arrow::write(version, prediction, wants)?)
        } else {
            Answer::json(answer::write(version, prediction, wants)?)
        })
    }
}
