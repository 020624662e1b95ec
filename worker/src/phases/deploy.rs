//! Lets the gates decide, and has a passing model loaded, warmed, smoke-tested and swapped in.

use std::{collections::BTreeMap, time::Duration};

use contract::{Environment, LoadRequest, LoadedModel, Phase, PipelineStatus, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Deployment;

use crate::{
    drive::{End, Next},
    error::PhaseError,
    phases::{execute, register, validate},
    run::Run,
};

/// How long a model-server may take to load, warm up and smoke-test a model.
const LOAD_TIMEOUT: Duration = Duration::from_mins(3);

/// What the phase leaves behind.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    deployed: bool,
    reason: String,
}

/// Deploys the model to `dev`, or says why not: a gate that fails is no error.
pub async fn run(run: &Run) -> Result<Next, PhaseError> {
    let outcome = deploy(run).await?;
    run.log.say(outcome.reason.clone());
    let checkpoint = serde_json::to_value(&outcome).map_err(PhaseError::fail)?;
    Ok(Next::Finish(checkpoint, outcome.end()))
}

/// The end of a pipeline whose phases had all ended when its worker died.
pub async fn end_from_checkpoint(run: &Run) -> Result<End, store::StoreError> {
    let checkpoint = run.worker.store.checkpoint(run.record.id, Phase::Deploy).await?;
    let checkpoint = checkpoint.and_then(|value| serde_json::from_value::<Checkpoint>(value).ok());
    checkpoint
        .map(Checkpoint::end)
        .ok_or_else(|| store::StoreError::Corrupt("the deploy phase left no checkpoint".to_owned()))
}

impl Checkpoint {
    fn end(self) -> End {
        End { status: PipelineStatus::Succeeded, deployed: self.deployed, reason: Some(self.reason) }
    }
}

async fn deploy(run: &Run) -> Result<Checkpoint, PhaseError> {
    let contract = validate::contract(run).await?;
    let executed = execute::checkpoint(run).await?;
    let registered = register::checkpoint(run).await?;
    let model = &executed.manifest.model_name;
    let held = |reason: String| Ok(Checkpoint { deployed: false, reason });

    let gate = run.worker.deploys.lock().await.entry(model.clone()).or_default().clone();
    let _one_at_a_time = gate.lock().await;
    let dev = Environment::dev();
    let current = run.worker.store.deployment(model, &dev).await?.filter(|current| current.pipeline_id != run.record.id);
    if let Some(newer) = current.as_ref().filter(|current| !pipeline::may_replace(Some(current.pipeline_id), run.record.id))
    {
        return held(format!("not deployed: version {} comes from a newer push and stays in service", newer.version));
    }
    let champion = current.as_ref().map(champion_metrics);
    let metrics = executed.numbers();
    let minimum = run.worker.config.min_accuracy;
    let decision = pipeline::decide(contract.gates.as_deref(), minimum, &metrics, champion.as_ref());
    for gate in &decision.gates {
        run.log.say(format!("gate {}: {}", if gate.passed { "passed" } else { "failed" }, gate.explanation));
    }
    if !decision.passed {
        let stays = current.map_or(String::new(), |current| format!("; version {} stays in service", current.version));
        return held(format!("not deployed: {}{stays}", decision.reason));
    }
    if !run.worker.config.auto_deploy {
        return held(format!("not deployed: {}; AUTO_DEPLOY_ON_SUCCESS is off", decision.reason));
    }
    if run.stopped().is_some() {
        return Err(run.stop_error());
    }
    swap_in(run, &executed, &registered, &metrics).await
}

/// Whether this pipeline's model is the deployed one, as recorded.
pub async fn is_deployed(run: &Run) -> Result<bool, store::StoreError> {
    let Some(model) = run.worker.store.pipeline(run.record.id).await?.model_name else { return Ok(false) };
    let current = run.worker.store.deployment(&model, &Environment::dev()).await?;
    Ok(current.is_some_and(|current| current.pipeline_id == run.record.id))
}

/// Loads the version and makes it the deployed one, in the store and as MLflow's alias.
async fn swap_in(
    run: &Run,
    executed: &execute::Checkpoint,
    registered: &register::Checkpoint,
    metrics: &BTreeMap<String, f64>,
) -> Result<Checkpoint, PhaseError> {
    let (dev, model, version) = (Environment::dev(), &executed.manifest.model_name, registered.version);
    let request =
        LoadRequest { version, uri: registered.uri.clone(), sha256: registered.sha256.clone(), environment: dev.clone() };
    let loaded = load(run, model.as_str(), &request).await?;
    let deployment = Deployment {
        model: model.clone(),
        environment: dev.clone(),
        version,
        pipeline_id: run.record.id,
        uri: registered.uri.clone(),
        sha256: registered.sha256.clone(),
        metrics: metrics.iter().map(|(name, value)| (name.clone(), Some(*value))).collect(),
        deployed_at: Timestamp::now(),
    };
    run.worker.store.record_deployment(&run.lease, deployment).await?;
    run.worker.mlflow.set_alias(model.as_str(), dev.as_str(), version).await?;
    let flavour = match loaded.flavour {
        contract::Flavour::Onnx => "ONNX",
        contract::Flavour::Python => "its own Python library",
    };
    Ok(Checkpoint { deployed: true, reason: format!("{model} version {version} serves in {dev} ({flavour})") })
}

async fn load(run: &Run, model: &str, request: &LoadRequest) -> Result<LoadedModel, PhaseError> {
    let config = &run.worker.config;
    let url = format!("{}/internal/load/{model}", config.model_server_url.trim_end_matches('/'));
    let call = run.worker.http.post(url).bearer_auth(config.internal_token.expose()).json(request).timeout(LOAD_TIMEOUT);
    let answer = call
        .send()
        .await
        .map_err(|error| PhaseError::Retry(anyhow::Error::new(error).context("the model-server can't be reached")))?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(PhaseError::retry);
    }
    let problem = answer.json::<Problem>().await.map_or_else(|_| status.to_string(), |problem| problem.detail);
    let text = format!("the model-server did not load the model: {problem}");
    if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
        return Err(PhaseError::Retry(anyhow::anyhow!(text)));
    }
    Err(PhaseError::Fail(text))
}

fn champion_metrics(current: &Deployment) -> BTreeMap<String, f64> {
    current.metrics.iter().filter_map(|(name, value)| Some((name.clone(), (*value)?))).collect()
}
