//! One run of a notebook: in the Python environment that it asks for, on a kernel, with its model packaged while the kernel that
//! trained it lives. What pipelines, leases and stores are is not its business: the execute phase and `mlsys run` both run
//! notebooks this way.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::{DataRead, Flavour, RunSecrets, Stream};
use kernel::{
    AfterCell, EventSink, Kernel, KernelError, KernelSpec, NotebookError, NotebookFile, Pool, Room, RunReport, RunRequest,
    Then, Unanswered,
};
use native::Verified;
use pipeline::Contract;
use python::{EnvironmentError, Environments, PythonEnvironment, Script};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{
    Tuning,
    data::{self, DataPlaces, Folders},
    packager,
};

/// What notebooks run with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Kernels of the platform's own environment.
    pub kernels: &'a Pool,
    /// Environments of notebooks that name their dependencies.
    pub environments: &'a Environments,
    /// The folder of the notebooks' package.
    pub library: &'a Path,
    /// Where tables and files lie.
    pub data: &'a DataPlaces,
    /// How long, and with how much.
    pub tuning: &'a Tuning,
}

/// A notebook to run.
pub struct Execution<'a> {
    /// Names the repository, which shares nothing of its own with others.
    pub repository: &'a str,
    /// The repository, or the folder that stands for one.
    pub tree: &'a Path,
    /// The notebook's path in it.
    pub notebook: &'a Path,
    /// What the notebook declares; none of one without tags, which runs all the same.
    pub contract: Option<&'a Contract>,
    /// The run's parameters.
    pub parameters: BTreeMap<String, Value>,
    /// Names the run to the notebook: `PIPELINE_ID`.
    pub id: &'a str,
    /// MLflow, as the notebook reaches it.
    pub tracking: &'a str,
    /// More variables for the kernel's environment.
    pub variables: Vec<(&'static str, String)>,
    /// The secrets that it asks for.
    pub secrets: RunSecrets,
    /// The folders of tables and files that it may reach.
    pub folders: Folders,
    /// Where it is to write down what it reads.
    pub reads: &'a Path,
    /// The MLflow run that a packaged model belongs to.
    pub run_id: Option<&'a str>,
    /// The file that the export cell is to write.
    pub model: &'a Path,
    /// The folder of the packaged model, which is made; none: it is not packaged.
    pub package: Option<&'a Path>,
    /// The folder for the whole of outputs that the notebook cannot hold.
    pub outputs: &'a Path,
}

/// A notebook that ran, well or not.
pub struct Executed {
    /// What came of it.
    pub report: RunReport,
    /// What the packager made of the model, if it came so far.
    pub package: Option<packager::Answer>,
    /// SHA-256 of the notebook that ran, in hex.
    pub notebook_sha256: String,
    /// What it read, query by query.
    pub reads: Vec<DataRead>,
}

/// Why a notebook could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// It was cancelled before it began.
    #[error("cancelled")]
    Cancelled,
    /// It is no notebook.
    #[error(transparent)]
    Notebook(#[from] NotebookError),
    /// Its Python environment can't be had.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// There is no kernel for it.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// This machine's files.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Execution<'_> {
    /// Runs it. `events` hears the notebook's outputs, and what is to be said of the run.
    ///
    /// # Errors
    /// When the notebook's first cell was never reached.
    pub async fn run(
        self,
        means: Means<'_>,
        events: &dyn EventSink,
        cancel: &CancellationToken,
    ) -> Result<Executed, ExecutionError> {
        let say = |text: String| events.line(None, Stream::System, text, None);
        // Held until the kernel is gone: what somebody uses is not removed.
        let environment = tokio::select! {
            environment = self.environment(means, &say) => environment?,
            () = cancel.cancelled() => return Err(ExecutionError::Cancelled),
        };
        let bytes = tokio::fs::read(self.tree.join(self.notebook)).await?;
        let (notebook, notebook_sha256) = (NotebookFile::parse(&bytes)?, hex::encode(Sha256::digest(&bytes)));
        let asked = Instant::now();
        let mut kernel = tokio::select! {
            kernel = start(means, &environment, &self.folders) => kernel?,
            () = cancel.cancelled() => return Err(ExecutionError::Cancelled),
        };
        say(format!("a kernel was ready after {} ms", asked.elapsed().as_millis()));
        let room = kernel.take_room();
        let places = match room {
            Some(room) => Some(Places::within(room, &self)?),
            None => None,
        };
        let verdict = Verdict::default();
        let about = (environment.id.as_deref(), &verdict);
        let request = match &places {
            Some(places) => places.of(&self).request(notebook, means, about),
            None => self.request(notebook, means, about),
        };
        let mut report = kernel::run(kernel, request, events, cancel).await;
        let memory = report.peak_memory.map_or(String::new(), |peak| format!(", at most {} MiB of memory", peak >> 20));
        say(format!("{} cells ran in {:.2} s{memory}", report.cells_run, report.time_in_cells.as_secs_f64()));
        let package = report.after_cell.take().map(|answer| packaged(answer, &verdict, &say));
        if let (Some(places), Some(outside)) = (&places, self.package) {
            places.room.hand_out(outside)?;
        }
        let reads = data::reads(places.as_ref().map_or(self.reads, |places| &places.reads));
        Ok(Executed { report, package, notebook_sha256, reads })
    }

    async fn environment(
        &self,
        means: Means<'_>,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<PythonEnvironment, EnvironmentError> {
        let Some(contract) = self.contract else { return Ok(means.environments.platform()) };
        let script =
            Script { dependencies: contract.dependencies.as_deref(), requires_python: contract.requires_python.as_deref() };
        means.environments.resolve(self.repository, (self.tree, self.notebook), script, say).await
    }

    fn request(
        &self,
        notebook: NotebookFile,
        means: Means<'_>,
        (environment, verdict): (Option<&str>, &Verdict),
    ) -> RunRequest {
        let Means { environments, library, data, tuning, .. } = means;
        let after_cell = self.after_cell((environment, verdict), tuning);
        let variables = [
            ("MLFLOW_TRACKING_URI", self.tracking.to_owned()),
            ("PIPELINE_ID", self.id.to_owned()),
            ("MLSYS_UV", environments.uv().to_string_lossy().into_owned()),
            ("MLSYS_LINEAGE", self.reads.to_string_lossy().into_owned()),
        ];
        let injected = [
            ("MODEL_OUTPUT_PATH", self.model.to_string_lossy().into_owned()),
            ("PIPELINE_ID", self.id.to_owned()),
            ("MLFLOW_TRACKING_URI", self.tracking.to_owned()),
        ];
        let timeout = self.contract.and_then(|contract| contract.timeout_seconds);
        let path = self.tree.join(self.notebook);
        let name = self.notebook.display().to_string();
        RunRequest {
            notebook,
            directory: path.parent().unwrap_or(self.tree).to_owned(),
            import_root: self.tree.to_owned(),
            library: Some(library.to_owned()),
            environment: variables
                .into_iter()
                .chain(data.variables())
                .chain(self.variables.clone())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            secrets: self.secrets.clone(),
            injected: injected.map(|(name, value)| (name.to_owned(), Value::from(value))).into(),
            parameters: self.parameters.clone(),
            cell_timeout: tuning.cell_timeout,
            run_timeout: timeout.map_or(tuning.run_timeout, Duration::from_secs),
            input_path: name.clone(),
            output_path: name,
            spill_directory: self.outputs.to_owned(),
            read_after: self.contract.map(|contract| ("mlops:evaluation".to_owned(), contract.evaluation_names.clone())),
            after_cell,
        }
    }

    fn after_cell(&self, (environment, verdict): (Option<&str>, &Verdict), tuning: &Tuning) -> Option<AfterCell> {
        let (contract, output_directory) = (self.contract?, self.package?);
        let (model_path, run_id, tree) = (self.model, self.run_id, self.tree);
        let (time, memory) = (tuning.package_timeout, tuning.package_memory);
        let request = packager::Request { model_path, output_directory, contract, run_id, tree, environment, time, memory };
        let call = packager::Call::new(&request);
        let code = call.code(&[]);
        let then = Some(verdict.then(call, output_directory.to_owned()));
        // The packager looks at the time itself, where it can; and it loads the model a second time.
        Some(AfterCell { index_tag: "mlops:export".to_owned(), code, timeout: time * 2, memory: memory * 2, then })
    }
}

/// What came of verifying the native graph, if there was one.
#[derive(Clone, Default)]
struct Verdict(Arc<Mutex<Option<Result<Verified, String>>>>);

impl Verdict {
    /// Verifies the native graph that the packager answers, and has it try again without one that does not hold. One that was stopped
    /// since it took too long tries again to have the model served by Python.
    fn then(&self, call: packager::Call, package: PathBuf) -> Then {
        let verdict = self.clone();
        Then(Arc::new(move |answer| {
            let (verdict, call, package) = (verdict.clone(), call.clone(), package.clone());
            Box::pin(async move {
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(stopped @ Unanswered::Stopped(_)) => {
                        let reason = format!("packaging was stopped: {stopped}");
                        return Some(call.code(&[(Flavour::Native, &reason), (Flavour::Onnx, &reason)]));
                    }
                    Err(Unanswered::Failed(_)) => return None,
                };
                if answer["manifest"]["flavour"] != "native" {
                    return None;
                }
                let verified = packager::verify(package).await;
                let again = verified.as_ref().err().map(|reason| call.code(&[(Flavour::Native, reason)]));
                *verdict.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(verified);
                again
            })
        }))
    }

    fn holds(&self) -> Option<Verified> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|verified| verified.as_ref().ok()).copied()
    }
}

/// Where things lie for a kernel that sees its room only.
struct Places {
    tree: PathBuf,
    model: PathBuf,
    package: PathBuf,
    reads: PathBuf,
    room: Room,
}

impl Places {
    fn within(mut room: Room, execution: &Execution<'_>) -> std::io::Result<Self> {
        let tree = room.take_in(execution.tree)?;
        let model = room.export().join(execution.model.file_name().unwrap_or("model.pkl".as_ref()));
        Ok(Self { tree, model, package: room.made(), reads: room.reads(), room })
    }

    /// The same execution in there.
    fn of<'a>(&'a self, execution: &'a Execution<'_>) -> Execution<'a> {
        Execution {
            tree: &self.tree,
            model: &self.model,
            package: execution.package.map(|_| &*self.package),
            parameters: execution.parameters.clone(),
            variables: execution.variables.clone(),
            secrets: execution.secrets.clone(),
            folders: execution.folders.clone(),
            reads: &self.reads,
            ..*execution
        }
    }
}

/// A kernel that was started ahead, or one that is made for the run: what a process may reach is settled when it starts.
async fn start(means: Means<'_>, environment: &PythonEnvironment, folders: &Folders) -> Result<Kernel, KernelError> {
    if environment.id.is_none() && folders.is_empty() {
        return means.kernels.take().await;
    }
    let mut spec = KernelSpec { python: environment.python.clone(), preload: Vec::new(), ..means.kernels.spec().clone() };
    if let Some(confined) = &mut spec.confined {
        confined.read.extend(folders.read.iter().cloned());
        confined.write.extend(folders.write.iter().cloned());
    }
    Kernel::start(&spec).await
}

/// What the packager said; all of it is in the log.
fn packaged(answer: Result<Value, Unanswered>, verdict: &Verdict, say: &dyn Fn(String)) -> packager::Answer {
    let answer = answer.map(serde_json::from_value::<packager::Answer>);
    match answer {
        Ok(Ok(packager::Answer::Packaged { manifest, log, packages })) => {
            for line in &log {
                say(line.clone());
            }
            match (manifest.flavour, verdict.holds()) {
                (Flavour::Native, None) => {
                    return packager::Answer::Error { error: "The model's native graph was not verified.".to_owned() };
                }
                (Flavour::Native, Some(Verified { rows, difference })) => {
                    say(format!("Verified natively on {rows} rows; largest difference {difference:.1e}."));
                }
                (Flavour::Onnx | Flavour::Python, _) => {}
            }
            packager::Answer::Packaged { manifest, log, packages }
        }
        Ok(Ok(error @ packager::Answer::Error { .. })) => error,
        Ok(Err(error)) => packager::Answer::Error { error: error.to_string() },
        Err(error) => {
            let error = error.to_string();
            // A traceback: what follows its frames is the reason.
            error.lines().for_each(|line| say(line.to_owned()));
            let reason = error.lines().rev().take_while(|line| !line.starts_with("  ")).last();
            packager::Answer::Error { error: kernel::brief(reason.unwrap_or(&error)) }
        }
    }
}
