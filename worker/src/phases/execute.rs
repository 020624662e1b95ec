//! Runs the notebook on a kernel, follows its outputs, and packages its model while the kernel that trained it lives.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{MANIFEST_FILE, MODEL_FILE, ModelManifest, ONNX_FILE, Phase, PipelineStatus, Stream};
use kernel::{AfterCell, EventSink, KernelError, KernelSpec, NotebookFile, Outcome, RunReport, RunRequest};
use pipeline::Contract;
use python::{EnvironmentError, PythonEnvironment, Script};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    drive::Next,
    error::PhaseError,
    metrics, packager,
    phases::{download, tracking, validate},
    run::{Run, Stop},
};

/// How long packaging a model, converted and verified, may take.
const PACKAGE_TIMEOUT: Duration = Duration::from_mins(10);

/// What the phase leaves for the later ones.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The MLflow run, which the notebook joined.
    pub run: mlflow::Run,
    /// The metrics its gates read; NaN and the infinities in words.
    pub metrics: BTreeMap<String, Value>,
    /// The packaged model.
    pub manifest: ModelManifest,
    /// Where the package is kept until it is registered: another machine may have to do that.
    pub package: artifacts::VersionLocation,
}

impl Checkpoint {
    /// The metrics as numbers.
    pub fn numbers(&self) -> BTreeMap<String, f64> {
        self.metrics.iter().filter_map(|(name, value)| Some((name.clone(), metrics::number(value)?))).collect()
    }
}

/// Executes the notebook.
pub async fn run(run: &Arc<Run>, attempt: u32) -> Result<Next, PhaseError> {
    if attempt > 1 {
        // An attempt that was cut off may have written into its tree.
        download::fetch(run).await?;
    } else {
        download::ensure(run).await?;
    }
    let contract = validate::contract(run).await?;
    let tracked = tracking::open_run(run, &contract, attempt).await?;
    let environment = environment(run, &contract).await?;
    let report = execute(run, &contract, &tracked, &environment).await?;
    keep_notebook(run, &report.notebook).await?;
    say_usage(run, &report);
    if let Err(error) = conclude(run, &report) {
        if run.stopped() != Some(Stop::Lost) {
            tracking::upload_outputs(run, &tracked, &report.spilled).await.unwrap_or_else(|error| {
                tracing::warn!(?error, "the failed notebook could not be uploaded to MLflow");
            });
        }
        return Err(error);
    }
    let manifest = packaged(run, report.after_cell)?;
    run.ensure_held().await?;
    tracking::upload_outputs(run, &tracked, &report.spilled).await?;
    let files = package_files(&manifest);
    let package = run.worker.artifacts.keep_package(run.record.id, &tracked.run_id, &run.package(), &files).await?;
    let logged = run.worker.mlflow.get_run(&tracked.run_id).await?.metrics;
    let logged = logged.into_iter().map(|metric| (metric.key, metric.value));
    let metrics = metrics::collect(logged, &report.scraps, &report.variables);
    say_metrics(run, &metrics);
    let description = store::Description { metrics: Some(metrics.clone()), ..store::Description::default() };
    run.describe(description).await?;
    let metrics = metrics.into_iter().map(|(name, value)| (name, metrics::to_json(value))).collect();
    let checkpoint = Checkpoint { run: tracked, metrics, manifest, package };
    Ok(Next::Continue(serde_json::to_value(checkpoint).map_err(PhaseError::fail)?))
}

/// The files of a packaged model that a version consists of.
pub fn package_files(manifest: &ModelManifest) -> Vec<&'static str> {
    let converted = manifest.onnx.is_some().then_some(ONNX_FILE);
    [MODEL_FILE, MANIFEST_FILE].into_iter().chain(converted).collect()
}

/// Ends the pipeline's MLflow run in the pipeline's true state: a kernel that exits has marked it finished.
pub async fn end_run(run: &Run, status: PipelineStatus) {
    if let Err(error) = tracking::end_run(run, status).await {
        tracing::warn!(?error, "the MLflow run could not be given its final state");
    }
}

async fn environment(run: &Run, contract: &Contract) -> Result<PythonEnvironment, PhaseError> {
    let (log, path) = (run.log.clone(), Path::new(&run.record.notebook_path));
    let tree = run.tree();
    let say = move |text: String| log.say(text);
    let script =
        Script { dependencies: contract.dependencies.as_deref(), requires_python: contract.requires_python.as_deref() };
    let resolved = run.worker.environments.resolve(&tree, path, script, &say);
    let resolved = tokio::select! {
        resolved = resolved => resolved,
        () = run.cancel.cancelled() => return Err(run.stop_error()),
    };
    resolved.map_err(|error| match error {
        EnvironmentError::Io(error) => PhaseError::retry(error),
        other => PhaseError::fail(other),
    })
}

async fn execute(
    run: &Arc<Run>,
    contract: &Contract,
    tracked: &mlflow::Run,
    environment: &PythonEnvironment,
) -> Result<RunReport, PhaseError> {
    let config = &run.worker.config;
    let request = request(run, contract, tracked, environment).await?;
    let asked = Instant::now();
    let starting = async {
        if environment.id.is_none() {
            return run.worker.kernels.take().await;
        }
        let spec =
            KernelSpec { python: environment.python.clone(), memory_limit: config.tuning.memory_limit, preload: Vec::new() };
        kernel::Kernel::start(&spec).await
    };
    let kernel = tokio::select! {
        kernel = starting => kernel.map_err(start_error)?,
        () = run.cancel.cancelled() => return Err(run.stop_error()),
    };
    run.log.say(format!("a kernel was ready after {} ms", asked.elapsed().as_millis()));
    let (snapshots, saver) = save_snapshots(run);
    let sink = Sink { run: run.clone(), snapshots };
    let report = kernel::run(kernel, request, &sink, &run.cancel).await;
    drop(sink);
    saver.await.map_err(PhaseError::retry)?;
    Ok(report)
}

/// A machine that is too busy to start a kernel may have time for it later; a Python that can't won't.
fn start_error(error: KernelError) -> PhaseError {
    match error {
        KernelError::NoAnswer { .. } | KernelError::Files(_) => PhaseError::retry(error),
        other => PhaseError::fail(other),
    }
}

async fn request(
    run: &Run,
    contract: &Contract,
    tracked: &mlflow::Run,
    environment: &PythonEnvironment,
) -> Result<RunRequest, PhaseError> {
    let (record, config) = (&run.record, &run.worker.config);
    let output = run.output();
    if tokio::fs::try_exists(&output).await? {
        tokio::fs::remove_dir_all(&output).await?;
    }
    for folder in ["export", "notebook", "outputs"] {
        tokio::fs::create_dir_all(output.join(folder)).await?;
    }
    let bytes = tokio::fs::read(run.notebook()).await?;
    let notebook = NotebookFile::parse(&bytes).map_err(PhaseError::fail)?;
    let model = output.join("export/model.pkl");
    let package = packager::Request {
        model_path: &model,
        output_directory: &run.package(),
        contract,
        run_id: Some(&tracked.run_id),
        tree: &run.tree(),
        environment: environment.id.as_deref(),
    };
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let text = |(name, value): (String, String)| (name, Value::from(value));
    let injected = [
        variable("MODEL_OUTPUT_PATH", &model.to_string_lossy()),
        variable("PIPELINE_ID", &record.id.to_string()),
        variable("MLFLOW_TRACKING_URI", &config.mlflow_url),
    ];
    let environment = [
        variable("MLFLOW_TRACKING_URI", &config.mlflow_url),
        variable("MLFLOW_RUN_ID", &tracked.run_id),
        variable("MLFLOW_EXPERIMENT_ID", &tracked.experiment_id),
        variable("PIPELINE_ID", &record.id.to_string()),
        variable("GIT_COMMIT", record.commit_sha.as_str()),
        variable("MLSYS_UV", &run.worker.environments.uv().to_string_lossy()),
    ];
    Ok(RunRequest {
        notebook,
        directory: run.notebook().parent().map_or_else(|| run.tree(), Path::to_owned),
        import_root: run.tree(),
        environment: environment.into(),
        injected: injected.into_iter().map(text).collect(),
        parameters: record.parameters.clone(),
        cell_timeout: config.tuning.cell_timeout,
        run_timeout: contract.timeout_seconds.map_or(config.tuning.run_timeout, Duration::from_secs),
        input_path: record.notebook_path.clone(),
        output_path: record.notebook_path.clone(),
        spill_directory: output.join("outputs"),
        after_cell: Some(AfterCell {
            index_tag: "mlops:export".to_owned(),
            code: packager::code(&package),
            timeout: PACKAGE_TIMEOUT,
        }),
        read_after: Some(("mlops:evaluation".to_owned(), contract.evaluation_names.clone())),
    })
}

/// What the kernel reports, into the log and the stored notebook.
struct Sink {
    run: Arc<Run>,
    snapshots: watch::Sender<Vec<u8>>,
}

impl EventSink for Sink {
    fn line(&self, cell: Option<usize>, stream: Stream, text: String, data: Option<Value>) {
        self.run.log.write(cell, stream, text, data);
    }

    fn notebook(&self, notebook: &NotebookFile) {
        self.snapshots.send_replace(notebook.to_json());
    }
}

/// Stores the newest snapshot of the running notebook until its sender is gone; a slow store skips some.
fn save_snapshots(run: &Arc<Run>) -> (watch::Sender<Vec<u8>>, tokio::task::JoinHandle<()>) {
    let (sender, mut receiver) = watch::channel(Vec::new());
    let run = run.clone();
    let saver = tokio::spawn(async move {
        while receiver.changed().await.is_ok() {
            let snapshot = receiver.borrow_and_update().clone();
            if let Err(error) = run.worker.store.pipelines.save_notebook(&run.lease, &snapshot).await {
                tracing::debug!(%error, "a snapshot of the running notebook was not stored");
            }
        }
    });
    (sender, saver)
}

async fn keep_notebook(run: &Run, notebook: &NotebookFile) -> Result<(), PhaseError> {
    let bytes = notebook.to_json();
    tokio::fs::write(run.executed_notebook(), &bytes).await?;
    let store = &run.worker.store;
    Ok(run.durably(|| store.pipelines.save_notebook(&run.lease, &bytes)).await?)
}

/// What an outcome means for the pipeline.
fn conclude(run: &Run, report: &RunReport) -> Result<(), PhaseError> {
    if matches!(report.outcome, Outcome::Died { .. } | Outcome::OutOfMemory { .. }) {
        service::telemetry::metrics::kernel_restarted();
    }
    match &report.outcome {
        Outcome::Exited { cell } if report.after_cell.is_none() => {
            Err(PhaseError::Fail(format!("the notebook ended itself in cell {cell}, before its mlops:export cell")))
        }
        outcome if outcome.is_success() => Ok(()),
        Outcome::Cancelled { .. } => Err(run.stop_error()),
        outcome => Err(PhaseError::fail(outcome)),
    }
    .map_err(|error| if run.stopped() == Some(Stop::Lost) { PhaseError::Abandoned } else { error })
}

fn packaged(run: &Run, answer: Option<Result<Value, String>>) -> Result<ModelManifest, PhaseError> {
    let answer = match answer {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => {
            // A traceback: the log has all of it, and what follows its frames is the reason.
            error.lines().for_each(|line| run.log.say(line));
            let reason = error.lines().rev().take_while(|line| !line.starts_with("  ")).last();
            let reason = kernel::brief(reason.unwrap_or(&error));
            return Err(PhaseError::Fail(format!("the model could not be packaged: {reason}")));
        }
        None => return Err(PhaseError::fail("the mlops:export cell did not run, so there is no model")),
    };
    let packaged: packager::Answer = serde_json::from_value(answer)
        .map_err(|error| PhaseError::Fail(format!("the model could not be packaged: {error}")))?;
    match packaged {
        packager::Answer::Error { error } => Err(PhaseError::Fail(format!("the model could not be packaged: {error}"))),
        packager::Answer::Packaged { manifest, log } => {
            for line in log {
                run.log.say(line);
            }
            Ok(*manifest)
        }
    }
}

fn say_usage(run: &Run, report: &RunReport) {
    let memory = report.peak_memory.map_or(String::new(), |peak| format!(", at most {} MiB of memory", peak >> 20));
    run.log.say(format!("{} cells ran in {:.2} s{memory}", report.cells_run, report.time_in_cells.as_secs_f64()));
}

fn say_metrics(run: &Run, metrics: &BTreeMap<String, f64>) {
    if metrics.is_empty() {
        run.log.say("the notebook reported no metric");
        return;
    }
    let list: Vec<_> = metrics.iter().map(|(name, value)| format!("{name} {}", metrics::display(*value))).collect();
    run.log.say(format!("metrics: {}", list.join(", ")));
}

/// The checkpoint, for the later phases.
pub async fn checkpoint(run: &Run) -> Result<Checkpoint, PhaseError> {
    run.checkpoint(Phase::Execute).await
}
