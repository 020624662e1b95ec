//! Completes the MLflow run, registers the packaged model as the next version, and puts its files into the bucket.

use std::collections::BTreeMap;

use contract::{Environment, Phase};
use jiff::Timestamp;
use mlflow::LoggedModel;
use pipeline::Contract;
use provenance::Facts;
use serde::{Deserialize, Serialize};
use store::{Recorded, StoreError};

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
    fetch_package(run, &executed).await?;
    validate::check_owner(run, &executed.manifest.model_name).await?;
    run.ensure_held().await?;
    tracking::log_rest(run, &contract, &executed.run.run_id, &executed.numbers()).await?;
    let version = version(run, &executed).await?;
    let location = put_files(run, &executed, version).await?;
    say_where_from(run, &contract, &executed, (version, &location)).await?;
    record(run, &executed, version, &location).await?;
    run.log.say(format!("registered {} version {version}", executed.manifest.model_name));
    let checkpoint = Checkpoint { version, uri: location.uri, sha256: location.sha256 };
    Ok(Next::Continue(serde_json::to_value(checkpoint).map_err(PhaseError::fail)?))
}

/// Makes sure that the package is on this machine, and is the one that the execution left.
async fn fetch_package(run: &Run, executed: &execute::Checkpoint) -> Result<(), PhaseError> {
    let kept = &executed.package;
    if artifacts::verify_version(&run.package(), &kept.sha256).await.is_ok() {
        return Ok(());
    }
    match run.worker.artifacts.fetch_version(&kept.uri, &kept.sha256, &run.package()).await {
        Ok(_) => Ok(()),
        Err(error @ artifacts::Error::Missing { .. }) => {
            tracing::warn!(%error, "the package is gone");
            Err(PhaseError::Again(Phase::Execute))
        }
        Err(error) => Err(error.into()),
    }
}

/// The run's version: the one that an interrupted attempt made, or a new one.
///
/// MLflow knows nothing of leases, so this asks the store right before each change there. A worker that was paused between
/// the question and the change, and woke when another had made the version, takes its own back.
async fn version(run: &Run, executed: &execute::Checkpoint) -> Result<u64, PhaseError> {
    let (mlflow, name) = (&run.worker.mlflow, executed.manifest.model_name.as_str());
    let (run_id, record) = (executed.run.run_id.as_str(), &run.record);
    mlflow.ensure_registered_model(name).await?;
    if let Some(version) = mlflow.find_versions_by_run(name, run_id).await?.first() {
        return Ok(*version);
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
    run.ensure_held().await?;
    // A look right before: the answer to an earlier request may have been lost.
    if let Some(version) = mlflow.find_versions_by_run(name, run_id).await?.first() {
        return Ok(*version);
    }
    let version = mlflow.create_version(name, &model_id, run_id, &tags).await?;
    match run.ensure_held().await {
        Err(StoreError::Fenced) => take_back(run, name, run_id, version).await,
        held => Ok(held.map(|()| version)?),
    }
}

/// Takes back a version that came too late, unless the worker that has the pipeline now found and took it.
async fn take_back(run: &Run, name: &str, run_id: &str, version: u64) -> Result<u64, PhaseError> {
    let (mlflow, store) = (&run.worker.mlflow, &run.worker.store);
    let recorded = run.durably(|| store.pipelines.pipeline(run.record.id)).await?.registry_version;
    let is_second = match recorded {
        Some(recorded) => recorded != version,
        None => mlflow.find_versions_by_run(name, run_id).await?.len() > 1,
    };
    if is_second {
        tracing::warn!(model.name = name, model.version = version, "a version that was made too late is taken back");
        mlflow.delete_version(name, version).await?;
    }
    Err(PhaseError::Abandoned)
}

async fn put_files(
    run: &Run,
    executed: &execute::Checkpoint,
    version: u64,
) -> Result<artifacts::VersionLocation, PhaseError> {
    let files = execute::package_files(&executed.manifest);
    let name = &executed.manifest.model_name;
    Ok(run.worker.artifacts.put_version(&Environment::dev(), name, version, &run.package(), &files).await?)
}

/// Puts beside the version, signed, where it comes from.
async fn say_where_from(
    run: &Run,
    contract: &Contract,
    executed: &execute::Checkpoint,
    (version, location): (u64, &artifacts::VersionLocation),
) -> Result<(), PhaseError> {
    let Some(key) = &run.worker.config.signing_key else { return Ok(()) };
    let (record, now) = (&run.record, Timestamp::now());
    let mut parameters = contract.parameters.clone();
    parameters.extend(record.parameters.clone());
    let facts = Facts {
        version,
        manifest: &executed.manifest,
        sha256: &location.sha256,
        source: (record.repo.as_str(), &record.branch, record.commit_sha.as_str()),
        notebook: (&record.notebook_path, executed.made_with.notebook_sha256.as_deref()),
        parameters: &parameters,
        metrics: &executed.metrics,
        packages: &executed.made_with.packages,
        pipeline: record.id,
        mlflow_run: &executed.run.run_id,
        times: (record.started_at.unwrap_or(now), now),
        mlsys: env!("CARGO_PKG_VERSION"),
    };
    let said = provenance::sign(facts, key).map_err(PhaseError::fail)?;
    Ok(run.worker.artifacts.put_provenance(location, said).await?)
}

async fn record(
    run: &Run,
    executed: &execute::Checkpoint,
    version: u64,
    location: &artifacts::VersionLocation,
) -> Result<(), PhaseError> {
    let store = &run.worker.store;
    let description = store::Description { registry_version: Some(version), ..store::Description::default() };
    run.describe(description).await?;
    let new = store::NewVersion {
        model: executed.manifest.model_name.clone(),
        version,
        flavour: executed.manifest.flavour,
        sha256: location.sha256.clone(),
        uri: location.uri.clone(),
    };
    match run.durably(|| store.serving.record_version(&run.lease, new.clone())).await? {
        Recorded::Yes => Ok(()),
        // It became another repository's while this one registered its first version.
        Recorded::OwnedBy(owner) => {
            run.worker.mlflow.delete_version(new.model.as_str(), version).await?;
            Err(PhaseError::Fail(validate::owned_by(&new.model, &owner)))
        }
    }
}

/// The checkpoint, for the later phases.
pub async fn checkpoint(run: &Run) -> Result<Checkpoint, PhaseError> {
    run.checkpoint(Phase::Register).await
}
