//! The model's own library, in processes that answer frames over sockets.
//!
//! | file | its job |
//! |---|---|
//! | `parent` | one process for each Python environment, which has the libraries loaded and forks the others |
//! | `child` | one process of a model: confined, then it unpickles, then it answers |
//! | `pool` | as many of these as requests need; another for one that dies, with growing pauses |
//! | `work` | requests that wait are asked together, and one by one where that fails |
//! | `frame` | the bytes: JSON for what a call is about, arrays for numbers. The other side is `python/wire.py` |

mod child;
mod frame;
mod parent;
mod pool;
mod work;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use contract::ModelManifest;
use sandbox::{Footprint, Watch};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::task::TaskTracker;

pub(crate) use self::parent::Parents;
use self::{
    child::Child,
    pool::{Ask, Pool},
};
use crate::{Batch, LoadError, Memory, PredictError, Prediction, Runtime, Schema};

/// The programs of the processes, by the names that they know each other by.
pub(crate) const PROGRAMS: [(&str, &str); 3] = [
    ("fork_server.py", include_str!("../../../python/fork_server.py")),
    ("serve_model.py", include_str!("../../../python/serve_model.py")),
    ("wire.py", include_str!("../../../python/wire.py")),
];

/// How a model's processes are started.
#[derive(Debug, Clone)]
struct Launch {
    /// The interpreter of the environment that the model was trained in.
    python: PathBuf,
    /// [`PROGRAMS`], on disk.
    programs: PathBuf,
    /// The version's files.
    folder: PathBuf,
    schema: Arc<Schema>,
    /// The longest a prediction may take.
    limit: Duration,
    /// The most memory that a process may take, in bytes.
    memory_limit: Option<u64>,
    /// The most processes.
    processes: usize,
    /// What each takes a permit of that is not the only one.
    further: Arc<Semaphore>,
    parents: Arc<Parents>,
    tasks: TaskTracker,
    /// What tells how much memory each process takes that runs.
    watches: Arc<Mutex<Vec<Weak<Watch>>>>,
}

/// So many small requests that wait are asked about in about the time of one, where they may be asked together.
const JOINED: usize = 16;

/// A model in processes of its own, which are started again when they die.
#[derive(Debug)]
pub(crate) struct PythonEngine {
    asks: mpsc::Sender<Ask>,
    limit: Duration,
    watches: Arc<Mutex<Vec<Weak<Watch>>>>,
    joins: bool,
    decides: Option<&'static str>,
}

impl PythonEngine {
    /// Starts a model's first process and waits until it is ready. The processes end with the engine; the runtime knows when
    /// they have.
    pub(crate) async fn start(
        (folder, manifest): (&Path, &ModelManifest),
        schema: &Arc<Schema>,
        runtime: &Runtime,
    ) -> Result<Self, LoadError> {
        let config = &runtime.config;
        let launch = Launch {
            python: runtime.python(manifest.environment.as_deref())?,
            programs: config.programs.clone(),
            folder: folder.to_owned(),
            schema: Arc::clone(schema),
            limit: config.prediction_limit,
            memory_limit: config.memory_limit,
            processes: config.threads.max(1),
            further: Arc::clone(&runtime.further),
            parents: Arc::clone(&runtime.parents),
            tasks: runtime.children.clone(),
            watches: Arc::default(),
        };
        let watches = Arc::clone(&launch.watches);
        let child = Child::start(&launch, None).await.map_err(LoadError::NotStarted)?;
        let (joins, decides) = (child.joins(), child.decides());
        let (asks, waiting) = mpsc::channel(config.queue.max(1));
        runtime.children.spawn(Pool::new(launch, child, waiting).serve());
        Ok(Self { asks, limit: config.prediction_limit, watches, joins, decides })
    }

    /// How much memory its processes take. Blocks for some milliseconds.
    pub(crate) fn memory(&self) -> Memory {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let footprints = watches.iter().filter_map(Weak::upgrade).map(|watch| watch.footprint());
        Memory { bytes: footprints.map(Footprint::bytes).sum(), measured: true }
    }

    /// The estimator's method that gives decision values, if it has one.
    pub(crate) fn decides(&self) -> Option<&'static str> {
        self.decides
    }

    /// About how many small requests that wait are computed in the time of one.
    pub(crate) fn joined(&self) -> usize {
        if self.joins { JOINED } else { 1 }
    }

    /// Computes the predictions for some rows, and their decision values if they are asked for.
    pub(crate) async fn predict(&self, batch: Batch, decision: bool) -> Result<Prediction, PredictError> {
        let (reply, answer) = oneshot::channel();
        self.asks
            .try_send(Ask { batch, decision: self.decides.filter(|_| decision), asked: Instant::now(), reply })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => PredictError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => PredictError::Restarting("the model is being taken away".to_owned()),
            })?;
        // Waiting in the queue counts: the pool's own limit is for a process alone.
        match tokio::time::timeout(self.limit, answer).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(PredictError::Restarting("the model is being taken away".to_owned())),
            Err(_) => Err(PredictError::TimedOut),
        }
    }
}
