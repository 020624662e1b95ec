//! A loaded version: from a body to an answer.

use std::{sync::Arc, time::Instant};

use axum::{body::Bytes, http::StatusCode};
use contract::ModelManifest;
use tokio::sync::Semaphore;

use crate::{
    answer::Answer,
    decode::decode,
    engine::{Engine, Output},
    error::PredictError,
    meter::{Meter, Spent},
    schema::Schema,
};

/// Bodies longer than this, in bytes, are read on another thread, so that other requests need not wait.
const LONG_BODY: usize = 64 * 1024;

/// A version that answers.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) version: u64,
    /// Of its `metadata.json`.
    pub(crate) sha256: String,
    pub(crate) manifest: ModelManifest,
    schema: Arc<Schema>,
    engine: Engine,
    answer: Answer,
    meter: Meter,
    /// A permit for each request that may be in hand.
    admission: Semaphore,
}

impl Model {
    /// A version with its engine, which takes up to `queue` requests at once.
    pub(crate) fn new(
        (version, sha256): (u64, String),
        manifest: ModelManifest,
        schema: Arc<Schema>,
        engine: Engine,
        queue: usize,
    ) -> Self {
        let (answer, meter) = (Answer::new(&manifest, version), Meter::new(&manifest.model_name, version));
        Self { version, sha256, manifest, schema, engine, answer, meter, admission: Semaphore::new(queue) }
    }

    /// The answer to a request's body, as JSON. It is counted and measured.
    pub(crate) async fn predict(self: &Arc<Self>, body: Bytes) -> Result<Vec<u8>, PredictError> {
        let started = Instant::now();
        let (answer, rows, spent) =
            self.answer(body).await.inspect_err(|error| self.meter.ended(started, error.status()))?;
        self.meter.computed(rows, spent);
        self.meter.ended(started, StatusCode::OK);
        Ok(answer)
    }

    /// The answer to the model's own example, before anyone may ask it.
    pub(crate) async fn rehearse(self: &Arc<Self>, example: Bytes) -> Result<Vec<u8>, PredictError> {
        Ok(self.answer(example).await?.0)
    }

    /// An answer, how many rows it is for, and how long the engine took.
    async fn answer(self: &Arc<Self>, body: Bytes) -> Result<(Vec<u8>, usize, Spent), PredictError> {
        let _permit = self.admission.try_acquire().map_err(|_| PredictError::Overloaded)?;
        let long = body.len() > LONG_BODY;
        let model = Arc::clone(self);
        let batch = offload(long, move || decode(&model.schema, &body)).await?.map_err(PredictError::BadInput)?;
        let rows = batch.rows();
        let (output, spent) = self.engine.predict(batch).await?;
        let model = Arc::clone(self);
        Ok((offload(long, move || model.write(&output)).await??, rows, spent))
    }

    fn write(&self, output: &Output) -> Result<Vec<u8>, PredictError> {
        self.answer.write(output).map_err(|error| PredictError::Failed(error.to_string()))
    }
}

/// Does work here, or on a thread that may be busy for long.
async fn offload<T: Send + 'static>(long: bool, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PredictError> {
    if long {
        tokio::task::spawn_blocking(work).await.map_err(|lost| PredictError::Failed(lost.to_string()))
    } else {
        Ok(work())
    }
}
