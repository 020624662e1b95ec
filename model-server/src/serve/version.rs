//! A loaded version: its model, who is let in, and what is counted.

use contract::{ModelManifest, Task};
use python::PythonEnvironment;
use scoring::{Batch, Extras, Model, PredictError, Prediction, Schema};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::meter::Meter;

/// A version that answers.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    /// Of its `metadata.json`.
    pub(crate) sha256: String,
    pub(crate) manifest: ModelManifest,
    /// A classifier's classes, each as JSON: they are written into every answer.
    pub(crate) classes: Vec<String>,
    pub(crate) meter: Meter,
    model: Model,
    /// What the model's process runs in: held, not read.
    _environment: Option<PythonEnvironment>,
    /// A permit for each request that may be in hand.
    admission: Semaphore,
}

impl Version {
    /// A version with its model, and what that runs in. It takes up to `queue` requests at once.
    pub(crate) fn new(
        (number, sha256): (u64, String),
        manifest: ModelManifest,
        (model, environment): (Model, Option<PythonEnvironment>),
        queue: usize,
    ) -> Self {
        let classes = match manifest.task {
            Task::Classification => manifest.classes.iter().flatten().map(ToString::to_string).collect(),
            Task::Regression => Vec::new(),
        };
        let meter = Meter::new(&manifest.model_name, number);
        Self { number, sha256, manifest, classes, meter, model, _environment: environment, admission: Semaphore::new(queue) }
    }

    /// What its rows must look like.
    pub(crate) fn schema(&self) -> &Schema {
        self.model.schema()
    }

    /// Whether it gives a probability for each class.
    pub(crate) fn gives_probabilities(&self) -> bool {
        !self.classes.is_empty() && !self.manifest.expected_output["probabilities"].is_null()
    }

    /// The estimator's method that gives decision values, if it gives any here.
    pub(crate) fn decides(&self) -> Option<&'static str> {
        self.model.decides()
    }

    /// Lets a request in, or turns it away at once: reading its body is work, too.
    pub(crate) fn admit(&self) -> Result<Admitted<'_>, PredictError> {
        let permit = self.admission.try_acquire().map_err(|_| PredictError::Overloaded)?;
        Ok(Admitted { version: self, _permit: permit })
    }
}

/// A request that was let in.
pub(crate) struct Admitted<'v> {
    version: &'v Version,
    _permit: SemaphorePermit<'v>,
}

impl Admitted<'_> {
    /// The predictions for its rows, and what is asked for besides.
    pub(crate) async fn predict(&self, batch: Batch, extras: Extras) -> Result<Prediction, PredictError> {
        let rows = batch.rows();
        let prediction = self.version.model.predict(batch, extras).await?;
        self.version.meter.computed(rows, prediction.spent);
        Ok(prediction)
    }
}
