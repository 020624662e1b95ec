//! Completes the MLflow run, registers the packaged model as the next version, and puts its files into the bucket.

use std::collections::BTreeMap;

use contract::{Environment, MANIFEST_FILE, MODEL_FILE, ONNX_FILE, Phase};
use mlflow::LoggedModel;
use serde::{Deserialize, Serialize};

use crate::{
    drive::Next,
    error::PhaseError,
    phases::{execute, tracking, validate},
    run::Run,
};

/// What the phase leaves for the later ones.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// MLflow's version number.
    pub version: u64,
    /// The version's folder.
    pub uri: String,
    /// SHA-256 of its manifest, in hex.
    pub sha256: String,
}

/// Registers the model. Running it again finds the version that an interrupted attempt made.
pub async fn run(run: &Run) -> Result<Next, PhaseError> {
    let contract = validate::contract(run).await?;
    let executed = execute::checkpoint(run).await?;
    if !tokio::fs::try_exists(run.package().join(MANIFEST_FILE)).await? {
        return Err(PhaseError::Again(Phase::Execute));
    }
    tracking::log_rest(run, &contract, &executed.run.run_id, &executed.numbers()).await?;
    tracking::upload_outputs(run, &executed.run, &executed.spilled).await?;
    let version = version(run, &executed).await?;
    let location = put_files(run, &executed, version).await?;
    record(run, &executed, version, &location).await?;
    run.log.say(format!("registered {} version {version}", executed.manifest.model_name));
    let checkpoint = Checkpoint { version, uri: location.uri, sha256: location.sha256 };
    Ok(Next::Continue(serde_json::to_value(checkpoint).map_err(PhaseError::fail)?))
}

async fn version(run: &Run, executed: &execute::Checkpoint) -> Result<u64, PhaseError> {
    let (mlflow, name) = (&run.worker.mlflow, executed.manifest.model_name.as_str());
    let (run_id, record) = (executed.run.run_id.as_str(), &run.record);
    mlflow.ensure_registered_model(name).await?;
    if let Some(version) = mlflow.find_version_by_run(name, run_id).await? {
        return Ok(version);
    }
    let directory = run.package();
    let experiment_id = &executed.run.experiment_id;
    let model_id = mlflow.upload_model(LoggedModel { experiment_id, run_id, name, directory: &directory }).await?;
    let tags: BTreeMap<_, _> = [
        ("mlsys.pipeline_id".to_owned(), record.id.to_string()),
        ("mlsys.commit".to_owned(), record.commit_sha.to_string()),
        ("mlsys.declared_version".to_owned(), executed.manifest.declared_version.clone()),
    ]
    .into();
    Ok(mlflow.create_version(name, &model_id, run_id, &tags).await?)
}

async fn put_files(
    run: &Run,
    executed: &execute::Checkpoint,
    version: u64,
) -> Result<artifacts::VersionLocation, PhaseError> {
    let mut files = vec![MODEL_FILE, MANIFEST_FILE];
    if executed.manifest.onnx.is_some() {
        files.push(ONNX_FILE);
    }
    let name = &executed.manifest.model_name;
    Ok(run.worker.artifacts.put_version(&Environment::dev(), name, version, &run.package(), &files).await?)
}

async fn record(
    run: &Run,
    executed: &execute::Checkpoint,
    version: u64,
    location: &artifacts::VersionLocation,
) -> Result<(), PhaseError> {
    let store = &run.worker.store;
    let description = store::Description { registry_version: Some(version), ..store::Description::default() };
    store.describe(&run.lease, description).await?;
    let new = store::NewVersion {
        model: executed.manifest.model_name.clone(),
        version,
        flavour: executed.manifest.flavour,
        sha256: location.sha256.clone(),
        uri: location.uri.clone(),
    };
    Ok(store.record_version(&run.lease, new).await?)
}

/// The checkpoint, for the later phases.
pub async fn checkpoint(run: &Run) -> Result<Checkpoint, PhaseError> {
    run.checkpoint(Phase::Register).await
}
