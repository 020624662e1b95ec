//! What a run is given, whom it tells, and what it gives back.

use std::{collections::BTreeMap, fmt, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use contract::{RunSecrets, Stream};
use serde_json::Value;

use crate::{NotebookFile, Outcome};

/// A notebook to run, and all that the run needs.
#[derive(Debug)]
pub struct RunRequest {
    /// The notebook.
    pub notebook: NotebookFile,
    /// Where it runs: the folder that holds it.
    pub directory: PathBuf,
    /// The repository's root, where modules are found after all other places.
    pub import_root: PathBuf,
    /// A folder of our own modules, which come after even these.
    pub library: Option<PathBuf>,
    /// Set in the kernel's environment before the first cell. With `MLFLOW_RUN_ID`, MLflow's fluent functions log to that run
    /// and no other, whatever experiment the notebook sets.
    pub environment: BTreeMap<String, String>,
    /// Set in the kernel's environment too, and blotted out of all that is told of the run.
    pub secrets: RunSecrets,
    /// The platform's variables, assigned in the notebook's namespace without a trace in the notebook: before the first cell,
    /// after a cell that sets parameters, and before each cell that [`Self::after_cell`] names.
    pub injected: BTreeMap<String, Value>,
    /// The run's parameters, written into the notebook as papermill's `injected-parameters` cell.
    pub parameters: BTreeMap<String, Value>,
    /// How long a cell may take.
    pub cell_timeout: Option<Duration>,
    /// How long the whole run may take.
    pub run_timeout: Duration,
    /// The notebook's path, for papermill's metadata.
    pub input_path: String,
    /// The executed notebook's path, for papermill's metadata.
    pub output_path: String,
    /// Where the whole of outputs goes that the notebook cannot hold.
    pub spill_directory: PathBuf,
    /// Variables to read after the last cell that bears a tag: the tag, and the variables' names.
    pub read_after: Option<(String, Vec<String>)>,
    /// Code to run after the last cell that bears a tag.
    pub after_cell: Option<AfterCell>,
}

/// Python code of our own to run in the kernel, out of the notebook's sight.
///
/// It has a namespace to itself, in which `user_ns` is the notebook's. What it leaves in `result` is handed back as JSON. Neither its
/// time nor its memory counts as the notebook's.
#[derive(Debug, Clone)]
pub struct AfterCell {
    /// It runs after the last cell that bears this tag.
    pub index_tag: String,
    /// The code.
    pub code: String,
    /// How long it may take.
    pub timeout: Duration,
    /// What it may take of memory beyond the notebook's limit, in bytes.
    pub memory: u64,
    /// Hears the answer, or why there is none, and may have more code run, whose answer then counts.
    pub then: Option<Then>,
}

/// Code that follows an answer, if any.
#[derive(Clone)]
pub struct Then(pub Arc<ThenCode>);

type ThenCode = dyn Fn(Result<Value, Unanswered>) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync;

/// Why code of our own has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It was stopped at its limit, and the kernel lives.
    #[error("it took longer than {} s", .0.as_secs_f64())]
    Stopped(Duration),
    /// It failed: its traceback, or how the kernel ended.
    #[error("{0}")]
    Failed(String),
}

impl fmt::Debug for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Then")
    }
}

/// Sees a run as it happens. Its methods must return at once: the kernel's outputs wait meanwhile.
pub trait EventSink: Send + Sync {
    /// A line of the log; `cell` is the index, from 0, in the notebook that was given.
    fn line(&self, cell: Option<usize>, stream: Stream, text: String, data: Option<Value>);
    /// The notebook as it is now: when a cell starts or ends, and once a second while one puts out.
    fn notebook(&self, notebook: &NotebookFile);
}

/// What came of a run.
#[derive(Debug)]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// The executed notebook, as papermill writes it.
    pub notebook: NotebookFile,
    /// How many code cells were started.
    pub cells_run: usize,
    /// How long they took together.
    pub time_in_cells: Duration,
    /// The most memory that the kernel and its children took, in bytes.
    pub peak_memory: Option<u64>,
    /// Values glued with scrapbook, by name.
    pub scraps: BTreeMap<String, Value>,
    /// Files with the whole of outputs that the notebook does not hold whole.
    pub spilled: Vec<PathBuf>,
    /// What [`RunRequest::after_cell`] answered, or why it did not; `None` when it was not reached.
    pub after_cell: Option<Result<Value, Unanswered>>,
    /// What [`RunRequest::read_after`] found: numbers as floats, NaN and the infinities as `"NaN"`, `"Infinity"`,
    /// `"-Infinity"`, and `METRICS` as an object of such.
    pub variables: BTreeMap<String, Value>,
}
