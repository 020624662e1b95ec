//! The pipeline's MLflow run: opened before execution so that the notebook joins it, filled, ended in the true state.

use std::{collections::BTreeMap, path::PathBuf};

use contract::PipelineStatus;
use jiff::Timestamp;
use mlflow::{Batch, Metric, NewRun, RunStatus};
use pipeline::Contract;
use store::StoreError;

use crate::{error::PhaseError, run::Run};

/// The tag that names the pipeline on its run.
const PIPELINE_TAG: &str = "mlsys.pipeline_id";

/// Opens the pipeline's one run. A run that an interrupted attempt left is deleted first: its parameters and metrics
/// belong to an execution that did not happen.
pub async fn open_run(run: &Run, contract: &Contract, attempt: u32) -> Result<mlflow::Run, PhaseError> {
    let (mlflow, record) = (&run.worker.mlflow, &run.record);
    run.ensure_held().await?;
    let experiment_id = mlflow.experiment_id(record.repo.as_str()).await?;
    if attempt > 1 {
        for left in mlflow.find_runs(&experiment_id, (PIPELINE_TAG, &record.id.to_string())).await? {
            mlflow.delete_run(&left.run_id).await?;
        }
    }
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let tags = [
        tag(PIPELINE_TAG, &record.id.to_string()),
        tag("mlsys.repository", record.repo.as_str()),
        tag("mlsys.notebook", &record.notebook_path),
        tag("mlsys.declared_version", &contract.version),
        tag("mlflow.source.name", &record.notebook_path),
        tag("mlflow.source.type", "NOTEBOOK"),
        tag("mlflow.source.git.commit", record.commit_sha.as_str()),
        tag("mlflow.source.git.branch", &record.branch),
        tag("mlflow.source.git.repoURL", record.repo.as_str()),
        tag("mlflow.user", record.repo.owner()),
    ]
    .into();
    let name = format!("{} {} @ {}", contract.model_name, contract.version, record.commit_sha.short());
    let tracked = mlflow.create_run(NewRun { experiment_id, name, tags, start_time: Timestamp::now() }).await?;
    let description = store::Description { mlflow_run_id: Some(tracked.run_id.clone()), ..store::Description::default() };
    match run.describe(description).await {
        // Paused through the lease: the pipeline's run is another's.
        Err(StoreError::Fenced) => {
            mlflow.delete_run(&tracked.run_id).await?;
            Err(PhaseError::Abandoned)
        }
        described => Ok(described.map(|()| tracked)?),
    }
}

/// Logs what the notebook did not log itself: its parameters, and metrics from glue and variables. A parameter that the
/// notebook logged stays as it is, because MLflow refuses to change one.
pub async fn log_rest(
    run: &Run,
    contract: &Contract,
    run_id: &str,
    metrics: &BTreeMap<String, f64>,
) -> Result<(), PhaseError> {
    let mlflow = &run.worker.mlflow;
    let there = mlflow.get_run(run_id).await?;
    let mut parameters = contract.parameters.clone();
    parameters.extend(run.record.parameters.clone());
    let params = parameters
        .into_iter()
        .filter(|(name, _)| !there.params.contains_key(name))
        .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let timestamp = Timestamp::now();
    let metrics = metrics
        .iter()
        .filter(|(name, _)| !there.metrics.iter().any(|metric| metric.key == **name))
        .map(|(name, value)| Metric { key: name.clone(), value: *value, timestamp, step: 0 })
        .collect();
    Ok(mlflow.log_batch(run_id, &Batch { metrics, params, tags: BTreeMap::new() }).await?)
}

/// Uploads the executed notebook and the whole texts of cut outputs.
pub async fn upload_outputs(run: &Run, tracked: &mlflow::Run, spilled: &[PathBuf]) -> Result<(), PhaseError> {
    let notebook = run.executed_notebook();
    let files = std::iter::once(("notebook", &notebook)).chain(spilled.iter().map(|file| ("outputs", file)));
    for (folder, file) in files {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else { continue };
        // MLflow refuses these in an artifact's path.
        let name = name.replace(['#', '%', '\\'], "_");
        run.worker.mlflow.put_artifact(tracked, &format!("{folder}/{name}"), file).await?;
    }
    Ok(())
}

/// Ends the run as the pipeline ended.
pub async fn end_run(run: &Run, status: PipelineStatus) -> Result<(), PhaseError> {
    let store = &run.worker.store;
    let Some(run_id) = run.durably(|| store.pipelines.pipeline(run.record.id)).await?.mlflow_run_id else { return Ok(()) };
    run.ensure_held().await?;
    let status = match status {
        PipelineStatus::Failed => RunStatus::Failed,
        PipelineStatus::Cancelled => RunStatus::Killed,
        _ => RunStatus::Finished,
    };
    Ok(run.worker.mlflow.set_status(&run_id, status, Timestamp::now()).await?)
}
