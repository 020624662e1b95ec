//! A model that answers.

use std::{path::Path, sync::Arc, time::Duration};

use contract::ModelManifest;

use crate::{
    Batch, Extras, LoadError, Memory, PredictError, Prediction, Runtime, Schema, Turn, engine::Engine, example, self_test,
};

/// A loaded model. What it holds, child processes included, ends with it.
#[derive(Debug)]
pub struct Model {
    schema: Arc<Schema>,
    engine: Engine,
    /// How long it took for its example.
    took: Duration,
    at_once: usize,
}

impl Model {
    /// Loads a model from its files, which were verified against the manifest, warms it up and has it answer its example.
    ///
    /// # Errors
    /// When it cannot be run here, or answers another thing than the estimator did.
    pub async fn load(folder: &Path, manifest: &ModelManifest, runtime: &Runtime) -> Result<Self, LoadError> {
        let schema = Arc::new(Schema::of(manifest)?);
        let bad_example = |reason| LoadError::BadManifest(format!("the input example: {reason}"));
        let example = example::rows(&schema, &manifest.input_example).map_err(bad_example)?;
        let (engine, example) = Engine::start((folder, manifest), &schema, example, runtime).await?;
        let answer =
            engine.predict(example, Extras::default()).await.map_err(|error| LoadError::SelfTest(error.to_string()))?;
        self_test::check(manifest, &answer.output).map_err(LoadError::SelfTest)?;
        let at_once = runtime.threads() * engine.joined();
        Ok(Self { schema, engine, took: answer.spent.computing, at_once })
    }

    /// What its rows must look like.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How much memory it takes now. Blocks for some milliseconds, where that is measured of a process.
    pub fn memory(&self) -> Memory {
        self.engine.memory()
    }

    /// How long a small request takes, as far as its example tells.
    pub fn takes(&self) -> Duration {
        self.took
    }

    /// About how many small requests it computes at the same time.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Computes the predictions for some rows of the model's schema, and the extras that are asked for.
    ///
    /// # Errors
    /// When the model does not take the rows, has not what is asked for, is busy, took too long, or failed.
    pub async fn predict(&self, batch: Batch, extras: Extras) -> Result<Prediction, PredictError> {
        self.schema.check(&batch)?;
        self.engine.predict(batch, extras).await
    }

    /// A turn to compute on a thread of this process, once one is free; none where the model is computed elsewhere. Whoever has
    /// it may read rows and write answers there, too, and changes threads but once.
    ///
    /// # Errors
    /// When none is free for long.
    pub async fn turn(&self) -> Result<Option<Turn>, PredictError> {
        self.engine.turn().await
    }

    /// The estimator's method that gives decision values, if it gives any here.
    pub fn decides(&self) -> Option<&'static str> {
        self.engine.decides()
    }
}
