//! MLflow's scoring protocol, below `/models/{name}`: what `mlflow models serve` answers at its root.
//! Source: `mlflow/pyfunc/scoring_server/__init__.py`.

mod answer;
mod csv;
mod python;
mod table;

use std::{io, sync::Arc};

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use scoring::{Batch, Prediction, Schema};
use service::ApiError;

use super::{
    choice::Choice,
    decode::{self, Shapes},
    exchange::{Answer, Asked, Exchange, is_long},
    guard::Admitted,
    model_name, models,
};
use crate::{
    access::Access,
    serve::{Protocol, Version},
    sync::Loader,
};

/// The release of MLflow whose protocol this is: the platform's.
const MLFLOW: &str = "3.17.2";
const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// `GET …/ping`, `…/health`: whether the model is served.
pub(super) async fn ping(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Path(name): Path<String>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
) -> Result<Response, ApiError> {
    models::known((&loader, &access), &model_name(name)?, (&choice, &admitted))?;
    Ok((JSON, "\n").into_response())
}

/// `GET …/version`: of MLflow.
pub(super) async fn version(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Path(name): Path<String>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
) -> Result<Response, ApiError> {
    models::known((&loader, &access), &model_name(name)?, (&choice, &admitted))?;
    Ok((JSON, MLFLOW).into_response())
}

/// `POST …/invocations?version=&env=&routing_key=`: the predictions for some rows.
pub(super) async fn invocations(
    State(loader): State<Arc<Loader>>,
    Path(name): Path<String>,
    choice: Choice,
    Extension(admitted): Extension<Admitted>,
    request: Request,
) -> Result<Response, ApiError> {
    let form = form(request.headers())?;
    Asked { loader, name: model_name(name)?, choice, admitted }.answer(request.into_body(), form).await
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Csv,
    Parquet,
}

/// What the headers say of the body. Nothing said is JSON.
fn form(headers: &HeaderMap) -> Result<Form, ApiError> {
    let refuse = |detail| Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    let said = headers.get(header::CONTENT_TYPE).map_or(Ok("application/json"), |value| value.to_str());
    let mut parts = said.unwrap_or_default().split(';').map(str::trim);
    let form = match parts.next() {
        Some("application/json") => Form::Json,
        Some("text/csv") => Form::Csv,
        Some("application/vnd.apache.parquet") => Form::Parquet,
        _ => return refuse("only application/json, text/csv and application/vnd.apache.parquet are taken"),
    };
    for parameter in parts {
        match parameter.split_once('=') {
            Some(("charset", charset)) if charset.eq_ignore_ascii_case("utf-8") => {}
            Some(("charset", _)) => return refuse("only UTF-8 is taken"),
            _ => return refuse("charset is the only parameter that a content type may have"),
        }
    }
    Ok(form)
}

impl Form {
    pub(crate) fn rows(self, schema: &Schema, body: &[u8]) -> Result<Batch, String> {
        match self {
            Self::Json => decode::decode(schema, Shapes::Mlflow, &decode::without_nan(body)),
            Self::Csv => table::read(schema, body),
            Self::Parquet => decode::parquet::decode(schema, body),
        }
    }
}

impl Exchange for Form {
    const PROTOCOL: Protocol = Protocol::Mlflow;
    type Kept = ();

    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, ()), String> {
        Ok((self.rows(version.schema(), body)?, ()))
    }

    fn is_long(&self, length: usize) -> bool {
        is_long(length, *self == Self::Parquet)
    }

    fn write(version: &Version, prediction: &Prediction, (): ()) -> io::Result<Answer> {
        Ok(Answer::json(answer::write(version, &prediction.output)?))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_content_type_is_json_or_csv_in_utf_8_or_parquet() {
        let said = |text: &'static str| {
            let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(text))].into_iter().collect();
            form(&headers).map_err(|error| error.status().as_u16())
        };
        assert_eq!(form(&HeaderMap::new()).ok(), Some(Form::Json));
        for text in ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"] {
            assert_eq!(said(text), Ok(Form::Json), "{text}");
        }
        assert_eq!(said("text/csv; charset=utf-8"), Ok(Form::Csv));
        assert_eq!(said("application/vnd.apache.parquet"), Ok(Form::Parquet));
        for text in ["", "text/plain", "application/json; charset=latin-1", "text/csv; header=present", "text/csv;"] {
            assert_eq!(said(text), Err(415), "{text}");
        }
    }
}
