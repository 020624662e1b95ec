//! The one way of every protocol: a body becomes rows, the version that is to answer predicts, its output becomes a body.
//! Which version that is, how much is let in, and what is counted, is the same for all.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::ModelName;
use scoring::{Batch, Computing, Extras, Output, PredictError, Prediction};
use service::ApiError;
use tokio_util::task::AbortOnDropHandle;

use super::{
    choice::{Choice, MODEL_VERSION},
    deadline::{after, sooner, within},
    guard::Admitted,
    problem,
};
use crate::{
    serve::{Answered, Chosen, Protocol, Version},
    sync::Loader,
};

/// The longest body, in bytes.
pub(super) const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Bodies longer than this, in bytes, are read on another thread, so that other requests need not wait.
const LONG_BODY: usize = 64 * 1024;
/// The same of bodies in formats of columns, which may say much in little.
const LONG_COLUMNS: usize = 4 * 1024;

/// Answers in Arrow's format for streams, and bodies that are.
pub(super) const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// Bodies in its format for files.
pub(super) const ARROW_FILE: &str = "application/vnd.apache.arrow.file";

/// Which model answered.
const MODEL_NAME: HeaderName = HeaderName::from_static("x-model-name");
/// How much of a body is JSON, where tensors follow it.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// How a protocol reads rows and writes predictions.
pub(super) trait Exchange: Send + Sync + 'static {
    /// What its requests are counted as.
    const PROTOCOL: Protocol;
    /// What reading leaves for writing.
    type Kept: Send + 'static;

    /// The rows in a body, or what is wrong with it.
    fn read(&self, version: &Version, body: &Bytes) -> Result<(Batch, Self::Kept), String>;

    /// Whether reading a body of this length may take long.
    fn is_long(&self, length: usize) -> bool {
        is_long(length, false)
    }

    /// How long whoever asks waits, if a body says so.
    fn patience(_: &Self::Kept) -> Option<Duration> {
        None
    }

    /// What the answer is to hold besides predictions and probabilities.
    fn extras(_: &Self::Kept) -> Extras {
        Extras::default()
    }

    /// The answer for what a version said.
    ///
    /// # Errors
    /// When that is not what the version's manifest says.
    fn write(version: &Version, prediction: &Prediction, kept: Self::Kept) -> io::Result<Answer>;
}

/// Whether reading a body may take long, which has columns, or has not.
pub(super) fn is_long(length: usize, has_columns: bool) -> bool {
    length > if has_columns { LONG_COLUMNS } else { LONG_BODY }
}

/// A body, and how to read it.
pub(super) struct Answer {
    content_type: HeaderValue,
    /// How much of it is JSON, where tensors follow.
    json_length: Option<usize>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(body: Vec<u8>) -> Self {
        Self { content_type: HeaderValue::from_static("application/json"), json_length: None, body }
    }

    /// A stream of Arrow's.
    pub(super) fn arrow(body: Vec<u8>) -> Self {
        Self { content_type: HeaderValue::from_static(ARROW_STREAM), json_length: None, body }
    }

    /// A message of gRPC, as it is sent.
    pub(super) fn grpc(body: Vec<u8>) -> Self {
        Self { content_type: HeaderValue::from_static("application/grpc"), json_length: None, body }
    }

    /// JSON of this length, and then tensors.
    pub(super) fn with_tensors(json_length: usize, body: Vec<u8>) -> Self {
        let content_type = HeaderValue::from_static("application/octet-stream");
        Self { content_type, json_length: Some(json_length), body }
    }
}

/// A request for predictions, by somebody who was let in.
pub(super) struct Asked {
    pub(super) loader: Arc<Loader>,
    pub(super) name: ModelName,
    pub(super) choice: Choice,
    pub(super) admitted: Admitted,
}

impl Asked {
    /// The answer to a body.
    pub(super) async fn answer<E: Exchange>(self, body: Body, exchange: E) -> Result<Response, ApiError> {
        let body = service::read_body(body, BODY_LIMIT).await.map_err(unread)?;
        // Only now, so that a slow client does not keep a replaced version.
        let environment = self.choice.env.or(self.admitted.environment);
        let wish = (self.choice.version, self.choice.key.as_ref());
        let Chosen { version, shadows } =
            self.loader.find(&self.name, environment.as_ref(), wish).map_err(problem::unserved)?;
        let started = Instant::now();
        let again = !shadows.is_empty();
        let answer = predict(&version, body, (exchange, self.admitted.deadline), again).await.map_err(problem::predict);
        let status = answer.as_ref().map_or_else(ApiError::status, |_| StatusCode::OK);
        version.meter.ended(E::PROTOCOL, status.as_u16(), started.elapsed());
        let (answer, answered) = answer.map_err(|error| error.with_header(MODEL_VERSION, version.number.into()))?;
        if let Some(answered) = answered.map(Arc::new) {
            for shadow in shadows {
                shadow.ask(Arc::clone(&answered));
            }
        }
        let Answer { content_type, json_length, body } = answer;
        let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
        let headers = response.headers_mut();
        if let Some(length) = json_length {
            headers.insert(JSON_LENGTH, length.into());
        }
        headers.insert(MODEL_VERSION, version.number.into());
        if let Ok(name) = HeaderValue::from_str(self.name.as_str()) {
            headers.insert(MODEL_NAME, name);
        }
        Ok(response)
    }
}

/// The answer to a body; and, if it is to be computed again, what it takes for that.
async fn predict<E: Exchange>(
    version: &Arc<Version>,
    body: Bytes,
    (exchange, deadline): (E, Option<Instant>),
    again: bool,
) -> Result<(Answer, Option<Answered>), PredictError> {
    let mut admitted = within(deadline, version.admit()).await?;
    let length = body.len();
    let long = exchange.is_long(length);
    let model = Arc::clone(version);
    if long && let Some(turn) = Box::pin(within(deadline, admitted.turn())).await? {
        let work = move |here: &Computing| {
            let (batch, kept) = exchange.read(&model, &body).map_err(PredictError::BadInput)?;
            // What is read is given up at once, unless another version reads it, too.
            let asked = again.then_some((exchange, body));
            let (patience, rows) = (E::patience(&kept).and_then(after), batch.rows());
            let prediction = here.predict(&batch, E::extras(&kept), sooner(deadline, patience))?;
            drop(batch);
            let answer = E::write(&model, &prediction, kept).map_err(|error| PredictError::Failed(error.to_string()))?;
            Ok((answer, rows, prediction, asked))
        };
        let (answer, rows, prediction, asked) = Box::pin(within(deadline, turn.run(work))).await?;
        admitted.answered(rows, prediction.spent);
        let answered = asked.map(|asked| again_by(version, asked, prediction.output, length + answer.body.len()));
        return Ok((answer, answered));
    }
    let read = move || {
        let read = exchange.read(&model, &body);
        // What is read is given up at once, unless another version reads it, too.
        (read, again.then_some((exchange, body)))
    };
    let (read, asked) = offload(long, read).await?;
    let (batch, kept) = read.map_err(PredictError::BadInput)?;
    let (deadline, extras) = (sooner(deadline, E::patience(&kept).and_then(after)), E::extras(&kept));
    let prediction = within(deadline, admitted.predict(batch, extras)).await?;
    let model = Arc::clone(version);
    let write = move || (E::write(&model, &prediction, kept), again.then_some(prediction.output));
    // Explanations may be long where the body was not.
    let (written, output) = offload(long || extras.explanations, write).await?;
    let answer = written.map_err(|error| PredictError::Failed(error.to_string()))?;
    let answered = asked.zip(output).map(|(asked, output)| again_by(version, asked, output, length + answer.body.len()));
    Ok((answer, answered))
}

/// What it takes to have another version answer what this one did.
fn again_by<E: Exchange>(version: &Arc<Version>, (exchange, body): (E, Bytes), output: Output, bytes: usize) -> Answered {
    let read = move |version: &Version| Ok(exchange.read(version, &body)?.0);
    Answered::new(version, output, bytes, Box::new(read))
}

/// Does work here, or on a thread that may be busy for long. There, it does not begin when whoever asked has gone.
async fn offload<T: Send + 'static>(long: bool, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PredictError> {
    if long {
        AbortOnDropHandle::new(tokio::task::spawn_blocking(work))
            .await
            .map_err(|lost| PredictError::Failed(lost.to_string()))
    } else {
        Ok(work())
    }
}

/// For a body that was not read to its end.
pub(super) fn unread(status: StatusCode) -> ApiError {
    service::unread(status, BODY_LIMIT)
}
