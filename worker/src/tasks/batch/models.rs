//! The model that batch predictions are computed with here.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{Flavour, ModelManifest};
use python::PythonEnvironment;
use scoring::{Model, Runtime, RuntimeConfig, find_onnxruntime};
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
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    sha256: String,
    manifest: Arc<ModelManifest>,
    model: Arc<Model>,
    used: Instant,
    _environment: Option<PythonEnvironment>,
}

impl Models {
    /// The model of a job, ready to compute.
    pub(super) async fn get(&self, worker: &Worker, spec: &Spec) -> Result<(Arc<ModelManifest>, Arc<Model>), TaskError> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_mut().filter(|held| held.sha256 == spec.sha256) {
            held.used = Instant::now();
            return Ok((Arc::clone(&held.manifest), Arc::clone(&held.model)));
        }
        *held = None;
        let made = self.make(worker, spec).await?;
        let (manifest, model) = (Arc::clone(&made.manifest), Arc::clone(&made.model));
        *held = Some(made);
        Ok((manifest, model))
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
        let model = Model::load(&folder, &manifest, runtime).await.map_err(|error| TaskError::Retry(error.into()))?;
        Ok(Held {
            sha256: spec.sha256.clone(),
            manifest: Arc::new(manifest),
            model: Arc::new(model),
            used: Instant::now(),
            _environment: environment,
        })
    }

    /// Lets go of a model that no shard was scored with for a while.
    pub(crate) async fn release(&self) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| held.used.elapsed() > KEPT) {
            *held = None;
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
