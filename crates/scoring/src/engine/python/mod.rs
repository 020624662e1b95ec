//! The model's own library, in a child process that answers frames of JSON over its standard input and output.
//!
//! A frame is a length (4 bytes, little-endian) and that many bytes of JSON. The child speaks first: `{"ready":true}` or
//! `{"error":"…"}`. Then each request, `{"id":N,"columns":{"name":[…]}}` or
//! `{"id":N,"tensor":{"dtype","shape","data":[flat]}}`, has one answer: `{"id":N,"predictions":[…],"probabilities":[[…]]}`
//! or `{"id":N,"error":{"kind":"bad_input"|"internal","message","column"}}`. The child ends when its input does.

mod child;
mod driver;
mod frame;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::ModelManifest;
use sandbox::Footprint;
use tokio::sync::{mpsc, oneshot};

use self::{child::Child, driver::Ask};
use crate::{Batch, LoadError, Memory, PredictError, Prediction, Runtime, Schema};

/// The child's program.
pub(crate) const PROGRAM: &str = include_str!("../../../python/serve_model.py");

/// How a model's process is started.
#[derive(Debug, Clone)]
struct Launch {
    /// The interpreter of the environment that the model was trained in.
    python: PathBuf,
    /// [`PROGRAM`], on disk.
    program: PathBuf,
    /// The version's files.
    folder: PathBuf,
    /// The longest a prediction may take.
    limit: Duration,
    /// The most memory that the process may take, with all that it starts, in bytes.
    memory_limit: Option<u64>,
    /// What tells how much memory the process takes that is running.
    footprint: Arc<Mutex<Option<Footprint>>>,
}

/// A model in a child process, which is started again when it dies.
#[derive(Debug)]
pub(crate) struct PythonEngine {
    schema: Arc<Schema>,
    asks: mpsc::Sender<Ask>,
    limit: Duration,
    footprint: Arc<Mutex<Option<Footprint>>>,
}

impl PythonEngine {
    /// Starts a model's process and waits until it is ready. The process ends with the engine; the runtime knows when it
    /// has.
    pub(crate) async fn start(
        (folder, manifest): (&Path, &ModelManifest),
        schema: &Arc<Schema>,
        runtime: &Runtime,
    ) -> Result<Self, LoadError> {
        let python = runtime.python(manifest.environment.as_deref())?;
        let (program, limit) = (runtime.config.program.clone(), runtime.config.prediction_limit);
        let memory_limit = runtime.config.memory_limit;
        let launch = Launch { python, program, folder: folder.to_owned(), limit, memory_limit, footprint: Arc::default() };
        let footprint = Arc::clone(&launch.footprint);
        let child = Child::start(&launch).await.map_err(LoadError::NotStarted)?;
        let (asks, waiting) = mpsc::channel(runtime.config.queue.max(1));
        runtime.children.spawn(driver::drive(launch, child, waiting));
        Ok(Self { schema: Arc::clone(schema), asks, limit, footprint })
    }

    /// How much memory the process takes. Blocks for some milliseconds.
    pub(crate) fn memory(&self) -> Memory {
        let footprint = *self.footprint.lock().unwrap_or_else(PoisonError::into_inner);
        Memory { bytes: footprint.map_or(0, Footprint::bytes), measured: true }
    }

    /// Computes the predictions for some rows.
    pub(crate) async fn predict(&self, batch: &Batch) -> Result<Prediction, PredictError> {
        let (reply, answer) = oneshot::channel();
        let request = frame::request(&self.schema, batch)?;
        self.asks.try_send(Ask { request, asked: Instant::now(), reply }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => PredictError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => PredictError::Restarting,
        })?;
        // Waiting in the queue counts: the driver's own limit is for the process alone.
        match tokio::time::timeout(self.limit, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(PredictError::Restarting),
            Err(_) => Err(PredictError::TimedOut),
        }
    }
}
