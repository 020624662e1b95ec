//! Runs the notebook on a kernel, follows its outputs, and packages its model while the kernel that trained it lives.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use contract::{MANIFEST_FILE, MODEL_FILE, ModelManifest, NATIVE_FILE, ONNX_FILE, Phase, PipelineStatus, Stream};
use kernel::{EventSink, KernelError, NotebookFile, Outcome, RunReport};
use pipeline::Contract;
use python::EnvironmentError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    drive::Next,
    error::PhaseError,
    execution::{Executed, Execution, ExecutionError, Means},
    metrics,
    mlflow_proxy::Grant,
    packager,
    phases::{data, download, secrets, tracking, validate},
    run::{Run, Stop},
};

/// What the phase leaves for the later ones.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The MLflow run, which the notebook joined.
    pub run: mlflow::Run,
    /// The metrics its gates read; NaN and the infinities in words.
    pub metrics: BTreeMap<String, Value>,
    /// The packaged model.
    pub manifest: ModelManifest,
    /// What it was made with, as far as nothing else says; nothing where an earlier mlsys executed the notebook.
    #[serde(default)]
    pub made_with: MadeWith,
    /// Where the package is kept until it is registered: another machine may have to do that.
    pub package: artifacts::VersionLocation,
}

/// What a model was made with.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct MadeWith {
    /// SHA-256 of the notebook, in hex.
    pub notebook_sha256: Option<String>,
    /// Everything in the Python environment: versions by distribution name.
    pub packages: BTreeMap<String, String>,
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
    let Executed { report, package, notebook_sha256, reads } = execute(run, &contract, &tracked).await?;
    keep_notebook(run, &report.notebook).await?;
    if let Err(error) = conclude(run, &report) {
        if run.stopped() != Some(Stop::Lost) {
            tracking::upload_outputs(run, &tracked, &report.spilled).await.unwrap_or_else(|error| {
                tracing::warn!(?error, "the failed notebook could not be uploaded to MLflow");
            });
        }
        return Err(error);
    }
    let (manifest, packages) = packaged(package)?;
    run.ensure_held().await?;
    tracking::upload_outputs(run, &tracked, &report.spilled).await?;
    let files = package_files(&manifest);
    let package = run.worker.artifacts.keep_package(run.record.id, &tracked.run_id, &run.package(), &files).await?;
    let logged = run.worker.mlflow.get_run(&tracked.run_id).await?.metrics;
    let logged = logged.into_iter().map(|metric| (metric.key, metric.value));
    let metrics = metrics::collect(logged, &report.scraps, &report.variables);
    say_metrics(run, &metrics);
    let description =
        store::Description { metrics: Some(metrics.clone()), reads: Some(reads), ..store::Description::default() };
    run.describe(description).await?;
    let metrics = metrics.into_iter().map(|(name, value)| (name, metrics::to_json(value))).collect();
    let made_with = MadeWith { notebook_sha256: Some(notebook_sha256), packages };
    let checkpoint = Checkpoint { run: tracked, metrics, manifest, made_with, package };
    Ok(Next::Continue(serde_json::to_value(checkpoint).map_err(PhaseError::fail)?))
}

/// The files of a packaged model that a version consists of.
pub fn package_files(manifest: &ModelManifest) -> Vec<&'static str> {
    let native = manifest.native.is_some().then_some(NATIVE_FILE);
    let converted = manifest.onnx.is_some().then_some(ONNX_FILE);
    [MODEL_FILE, MANIFEST_FILE].into_iter().chain(native).chain(converted).collect()
}

/// Ends the pipeline's MLflow run in the pipeline's true state: a kernel that exits has marked it finished.
pub async fn end_run(run: &Run, status: PipelineStatus) {
    if let Err(error) = tracking::end_run(run, status).await {
        tracing::warn!(?error, "the MLflow run could not be given its final state");
    }
}

async fn execute(run: &Arc<Run>, contract: &Contract, tracked: &mlflow::Run) -> Result<Executed, PhaseError> {
    let (record, worker, output) = (&run.record, &run.worker, run.output());
    if tokio::fs::try_exists(&output).await? {
        tokio::fs::remove_dir_all(&output).await?;
    }
    for folder in ["export", "notebook", "outputs"] {
        tokio::fs::create_dir_all(output.join(folder)).await?;
    }
    let secrets = secrets::open(run, &contract.secrets).await?;
    let grant = Grant { repository: record.repo.clone(), model: contract.model_name.clone(), run: tracked.clone() };
    // The notebook's way to MLflow ends with its kernel.
    let admission = worker.mlflow_proxy.admit(grant).await?;
    let execution = Execution {
        repository: record.repo.as_str(),
        tree: &run.tree(),
        notebook: Path::new(&record.notebook_path),
        contract: Some(contract),
        parameters: record.parameters.clone(),
        id: &record.id.to_string(),
        tracking: &admission.url,
        variables: vec![
            ("MLFLOW_TRACKING_TOKEN", admission.token.expose().to_owned()),
            // The links would lead to an address that no browser may ask.
            ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true".to_owned()),
            ("MLFLOW_RUN_ID", tracked.run_id.clone()),
            ("MLFLOW_EXPERIMENT_ID", tracked.experiment_id.clone()),
            ("GIT_COMMIT", record.commit_sha.to_string()),
        ],
        secrets,
        folders: data::open(run).await?,
        reads: &output.join("reads"),
        run_id: Some(&tracked.run_id),
        model: &output.join("export/model.pkl"),
        package: Some(&run.package()),
        outputs: &output.join("outputs"),
    };
    let means = Means {
        kernels: &worker.kernels,
        environments: &worker.environments,
        library: &worker.library,
        data: &worker.data,
        tuning: &worker.config.tuning,
    };
    let (snapshots, saver) = save_snapshots(run);
    let sink = Sink { run: run.clone(), snapshots };
    let executed = execution.run(means, &sink, &run.cancel).await;
    drop((sink, admission));
    saver.await.map_err(PhaseError::retry)?;
    executed.map_err(|error| not_run(run, error))
}

/// A machine that is too busy to start a kernel may have time for it later; a Python that can't won't.
fn not_run(run: &Run, error: ExecutionError) -> PhaseError {
    match error {
        ExecutionError::Cancelled => run.stop_error(),
        ExecutionError::Io(_)
        | ExecutionError::Environment(EnvironmentError::Io(_))
        | ExecutionError::Kernel(KernelError::NoAnswer { .. } | KernelError::Files(_)) => PhaseError::retry(error),
        other => PhaseError::fail(other),
    }
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

fn packaged(answer: Option<packager::Answer>) -> Result<(ModelManifest, BTreeMap<String, String>), PhaseError> {
    match answer {
        Some(packager::Answer::Packaged { manifest, packages, .. }) => Ok((*manifest, packages)),
        Some(packager::Answer::Error { error }) => {
            Err(PhaseError::Fail(format!("the model could not be packaged: {error}")))
        }
        None => Err(PhaseError::fail("the mlops:export cell did not run, so there is no model")),
    }
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
