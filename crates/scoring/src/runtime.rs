//! What models are run with.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{
    LoadError, RuntimeError,
    engine::python::{PROGRAMS, Parents},
};

/// How long the models' processes may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Where things are, and how much a model may use.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// ONNX Runtime's shared library.
    pub onnxruntime_library: PathBuf,
    /// The platform's Python interpreter, for models that name no environment. An absolute path.
    pub python: PathBuf,
    /// Holds the other environments: `{id}/bin/python`. An absolute path.
    pub environments_directory: PathBuf,
    /// The folder that the programs of models' processes are written to. An absolute path.
    pub programs: PathBuf,
    /// How many batches one model computes at the same time: as many processes may one in Python have.
    pub threads: usize,
    /// How many batches may wait for one model's processes.
    pub queue: usize,
    /// The longest a prediction may take.
    pub prediction_limit: Duration,
    /// The most memory that one process of a model may take, in bytes.
    pub memory_limit: Option<u64>,
}

/// What models are run with.
#[derive(Debug)]
pub struct Runtime {
    pub(crate) config: RuntimeConfig,
    /// What the models' processes are forked from.
    pub(crate) parents: Arc<Parents>,
    /// All of these processes.
    pub(crate) children: TaskTracker,
    /// How many processes models may have beyond one each, all together: more than there are processors compute nothing sooner.
    pub(crate) further: Arc<Semaphore>,
}

impl Runtime {
    /// Writes the programs of models' processes. ONNX Runtime is loaded by the first model that needs it, once per process. Blocks.
    ///
    /// # Errors
    /// When that cannot be done, or ONNX Runtime is not there.
    pub fn open(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let library = &config.onnxruntime_library;
        if !library.is_file() {
            let reason = "there is no such file".to_owned();
            return Err(RuntimeError::OnnxRuntime { path: library.clone(), reason });
        }
        let failed = |source| RuntimeError::Program { path: config.programs.clone(), source };
        std::fs::create_dir_all(&config.programs).map_err(failed)?;
        for (name, program) in PROGRAMS {
            write(&config.programs.join(name), program.as_bytes()).map_err(failed)?;
        }
        let further = Arc::new(Semaphore::new(config.threads));
        Ok(Self { config, parents: Arc::default(), children: TaskTracker::new(), further })
    }

    /// The folder that holds the Python environments which models name.
    pub fn environments_directory(&self) -> &Path {
        &self.config.environments_directory
    }

    /// How many batches one model computes at the same time.
    pub fn threads(&self) -> usize {
        self.config.threads.max(1)
    }

    /// The longest a prediction may take.
    pub fn prediction_limit(&self) -> Duration {
        self.config.prediction_limit
    }

    /// Waits until the processes of all models have ended. They do once their models are gone.
    pub async fn close(&self) {
        self.children.close();
        if tokio::time::timeout(END_LIMIT, self.children.wait()).await.is_err() {
            tracing::warn!("some models' processes did not end in time");
        }
    }

    /// The interpreter of the Python environment that a model names.
    pub(crate) fn python(&self, environment: Option<&str>) -> Result<PathBuf, LoadError> {
        let Some(id) = environment else { return Ok(self.config.python.clone()) };
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let plain = !id.is_empty() && !id.starts_with('.') && id.bytes().all(word);
        let python = self.config.environments_directory.join(id).join("bin/python");
        if plain && python.exists() { Ok(python) } else { Err(LoadError::NoEnvironment(id.to_owned())) }
    }
}

/// Writes a file that is never seen half written: another process may be starting with it.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
