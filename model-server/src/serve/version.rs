//! A version: its model, who is let in, and what is counted.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use arrow_array::ArrayRef;
use contract::{ModelManifest, Task};
use python::PythonEnvironment;
use scoring::{Batch, Extras, LoadError, Model, PredictError, Prediction, Runtime, Schema, Spent, Turn};

use super::{
    Memory,
    admission::{Admission, Place},
    meter::Meter,
    sleep::Sleeper,
};

/// A version that answers.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    /// Of its `metadata.json`.
    pub(crate) sha256: String,
    pub(crate) manifest: ModelManifest,
    /// A classifier's classes, each as JSON: they are written into every answer.
    pub(crate) classes: Vec<String>,
    /// The classes as a column of Arrow's, once somebody wanted one.
    pub(crate) class_column: OnceLock<ArrayRef>,
    pub(crate) meter: Meter,
    schema: Schema,
    pub(super) sleeper: Sleeper,
    pub(super) decides: OnceLock<Option<&'static str>>,
    /// What the model's process runs in: held, not read.
    _environment: Option<PythonEnvironment>,
    pub(super) admission: Admission,
}

/// What a version is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) number: u64,
    pub(crate) sha256: String,
    pub(crate) manifest: ModelManifest,
    /// What the model's process runs in.
    pub(crate) environment: Option<PythonEnvironment>,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) memory: Arc<Memory>,
    /// How many requests it may have in hand.
    pub(crate) queue: usize,
}

impl Version {
    /// A version whose model sleeps. Its files are in `folder`, and were verified.
    ///
    /// # Errors
    /// When its manifest is of a kind that is not served.
    pub(crate) fn new(parts: Parts, folder: PathBuf) -> Result<Self, LoadError> {
        let sleeper = Sleeper::new(&parts, folder);
        let Parts { number, sha256, manifest, environment, runtime, queue, .. } = parts;
        let classes = match manifest.task {
            Task::Classification => manifest.classes.iter().flatten().map(ToString::to_string).collect(),
            Task::Regression | Task::Transformation => Vec::new(),
        };
        Ok(Self {
            meter: Meter::new(&manifest.model_name, number),
            schema: Schema::of(&manifest)?,
            number,
            sha256,
            manifest,
            classes,
            sleeper,
            decides: OnceLock::new(),
            class_column: OnceLock::new(),
            _environment: environment,
            admission: Admission::new(queue, runtime.threads()),
        })
    }

    /// What its rows must look like.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether it gives a probability for each class.
    pub(crate) fn gives_probabilities(&self) -> bool {
        !self.classes.is_empty() && !self.manifest.expected_output["probabilities"].is_null()
    }

    /// The estimator's method that gives decision values, if it gives any here; known once the model was awake.
    pub(crate) fn decides(&self) -> Option<&'static str> {
        self.decides.get().copied().flatten()
    }

    /// Lets a request in, once the model is awake; or turns it away at once: reading its body is work, too.
    pub(crate) async fn admit(self: &Arc<Self>) -> Result<Admitted<'_>, PredictError> {
        let mut place = self.admission.enter(|| self.is_awake()).ok_or(PredictError::Overloaded)?;
        let model = self.awake().await?;
        place.begin();
        Ok(Admitted { version: self, model, place })
    }

    /// Whether a request is in hand.
    pub(super) fn is_asked(&self) -> bool {
        !self.admission.is_empty()
    }

    /// The predictions for some rows, which are counted nowhere.
    pub(super) async fn compute(self: &Arc<Self>, batch: Batch) -> Result<Prediction, PredictError> {
        self.awake().await?.predict(batch, Extras::default()).await
    }
}

/// A request that was let in.
pub(crate) struct Admitted<'v> {
    version: &'v Version,
    model: Arc<Model>,
    place: Place<'v>,
}

impl Admitted<'_> {
    /// The predictions for its rows, and what is asked for besides.
    pub(crate) async fn predict(&mut self, batch: Batch, extras: Extras) -> Result<Prediction, PredictError> {
        let rows = batch.rows();
        let prediction = self.model.predict(batch, extras).await?;
        self.answered(rows, prediction.spent);
        Ok(prediction)
    }

    /// A turn to read its rows, compute and write the answer on one thread; none where the model is computed elsewhere.
    pub(crate) async fn turn(&self) -> Result<Option<Turn>, PredictError> {
        self.model.turn().await
    }

    /// So many rows were computed, in that time.
    pub(crate) fn answered(&mut self, rows: usize, spent: Spent) {
        self.place.answered();
        self.version.meter.computed(rows, spent);
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.version.touch();
    }
}
