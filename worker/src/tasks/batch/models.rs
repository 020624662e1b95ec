//! The model that batch predictions are computed with here.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{Flavour, ModelManifest};
use python::PythonEnvironment;
use scoring::{LoadError, Model, Runtime, RuntimeConfig, find_onnxruntime};
use tables::Spec;
use tokio::sync::{Mutex, OnceCell};

use super::super::TaskError;
use crate::Worker;

/// The longest that some thousand rows may take, and one.
const PREDICTION_LIMIT: Duration = Duration::from_mins(2);
/// How many batches may wait for a model's processes.
const QUEUE: usize = 64;
/// How long a model is kept for the next shard.
const KEPT: Duration = Duration::from_mins(1);

/// Models that were fetched here. One is kept, for the shards of a job come after each other.
#[derive(Debug, Default)]
pub(crate) struct Models {
    runtime: OnceCell<Runtime>,
    held: Mutex<Option<(Instant, Arc<Held>)>>,
}

/// A model, ready to compute, and what it needs for as long.
#[derive(Debug)]
pub(super) struct Held {
    sha256: String,
    pub(super) manifest: Arc<ModelManifest>,
    pub(super) model: Arc<Model>,
    _environment: Option<PythonEnvironment>,
}

impl Models {
    /// The model of a job.
    pub(super) async fn get(&self, worker: &Worker, spec: &Spec) -> Result<Arc<Held>, TaskError> {
        let mut kept = self.held.lock().await;
        let made = match kept.take() {
            Some((_, held)) if held.sha256 == spec.sha256 => held,
            _ => Arc::new(self.make(worker, spec).await?),
        };
        *kept = Some((Instant::now(), Arc::clone(&made)));
        Ok(made)
    }

    async fn make(&self, worker: &Worker, spec: &Spec) -> Result<Held, TaskError> {
        let retry = |error: anyhow::Error| TaskError::Retry(error);
        let runtime = self.runtime.get_or_try_init(|| open(worker)).await.map_err(retry)?;
        let folder = folder(worker);
        let manifest = worker.artifacts.fetch_version(&spec.uri, &spec.sha256, &folder).await.map_err(|error| {
            // Without its files, there is nothing to wait for.
            if matches!(error, artifacts::Error::Unavailable { .. }) {
                TaskError::Retry(error.into())
            } else {
                TaskError::Fail(error.to_string())
            }
        })?;
        let environment = hold(worker, &manifest).await.map_err(retry)?;
        let model = Model::load(&folder, &manifest, runtime).await.map_err(|error| match error {
            LoadError::BadManifest(_) | LoadError::SelfTest(_) => TaskError::Fail(error.to_string()),
            // Another worker may have its environment.
            LoadError::NoEnvironment(_) | LoadError::NotStarted(_) => TaskError::Retry(error.into()),
        })?;
        let (manifest, model) = (Arc::new(manifest), Arc::new(model));
        Ok(Held { sha256: spec.sha256.clone(), manifest, model, _environment: environment })
    }

    /// Lets go of a model that no shard was scored with for a while.
    pub(crate) fn release(&self) {
        // Whoever has the lock is about to use it.
        let Ok(mut kept) = self.held.try_lock() else { return };
        if kept.as_ref().is_some_and(|(used, held)| used.elapsed() > KEPT && Arc::strong_count(held) == 1) {
            *kept = None;
        }
    }
}

/// Where the files of the model in use are.
fn folder(worker: &Worker) -> PathBuf {
    worker.folder().join("batch-model")
}

async fn open(worker: &Worker) -> anyhow::Result<Runtime> {
    let python = worker.environments.platform().python.clone();
    let config = RuntimeConfig {
        onnxruntime_library: find_onnxruntime(&python).await?,
        python,
        environments_directory: worker.environments.directory().to_owned(),
        programs: worker.folder().join("batch-programs"),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        queue: QUEUE,
        prediction_limit: PREDICTION_LIMIT,
        memory_limit: worker.config.tuning.memory_limit,
    };
    Ok(tokio::task::spawn_blocking(move || Runtime::open(config)).await??)
}

/// Keeps the Python environment that a model needs from being removed.
async fn hold(worker: &Worker, manifest: &ModelManifest) -> anyhow::Result<Option<PythonEnvironment>> {
    let Some(id) = manifest.environment.clone().filter(|_| manifest.flavour == Flavour::Python) else { return Ok(None) };
    let directory = worker.environments.directory().to_owned();
    Ok(tokio::task::spawn_blocking(move || PythonEnvironment::hold(&directory, &id)).await??)
}
