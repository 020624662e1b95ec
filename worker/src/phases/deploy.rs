//! Lets the gates decide, and has a passing model taken into service.

use std::{collections::BTreeMap, time::Duration};

use contract::{Champion, Environment, GateReport, Phase, PipelineStatus};
use rollout::{Patience, Push, RolloutError};
use serde::{Deserialize, Serialize};
use store::{Deployment, NewDeployment};

use crate::{
    drive::{End, Next},
    error::PhaseError,
    phases::{execute, register, validate},
    run::Run,
};

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
    let checkpoint = run.worker.store.pipelines.checkpoint(run.record.id, Phase::Deploy).await?;
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

    let dev = Environment::dev();
    let store = &run.worker.store;
    let deployed = run.durably(|| store.serving.deployment(model, &dev)).await?;
    let is_deployed = deployed.as_ref().is_some_and(|deployed| deployed.pipeline_id == run.record.id);
    let current = deployed.filter(|_| !is_deployed);
    if let Some(newer) = current.as_ref().filter(|current| !pipeline::may_replace(Some(current.pipeline_id), run.record.id))
    {
        return Ok(not_newest(newer.version));
    }
    let champion = current.as_ref().map(champion_metrics);
    let metrics = executed.numbers();
    let minimum = run.worker.config.tuning.min_accuracy;
    let decision =
        pipeline::decide(contract.gates.as_deref(), contract.demanded.as_ref(), minimum, &metrics, champion.as_ref());
    for gate in &decision.gates {
        let of = gate.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
        run.log.say(format!("gate {}{of}: {}", if gate.passed { "passed" } else { "failed" }, gate.explanation));
    }
    // An attempt that got as far as deploying has compared with what it took the place of, which is gone by now.
    if !is_deployed {
        let champion =
            current.as_ref().map(|current| Champion { version: current.version, metrics: current.metrics.clone() });
        let gate_report = GateReport { gates: decision.gates.clone(), champion };
        run.durably(|| store.pipelines.record_gate_report(&run.lease, &gate_report)).await?;
    }
    if !decision.passed {
        let stays = current.map_or(String::new(), |current| format!("; version {} stays in service", current.version));
        return held(format!("not deployed: {}{stays}", decision.reason));
    }
    if !run.worker.config.tuning.auto_deploy {
        return held(format!("not deployed: {}; AUTO_DEPLOY_ON_SUCCESS is off", decision.reason));
    }
    if run.stopped().is_some() {
        return Err(run.stop_error());
    }
    roll_out(run, &executed, &registered, &metrics).await
}

/// Whether this pipeline's model is the deployed one, as recorded.
pub async fn is_deployed(run: &Run) -> Result<bool, store::StoreError> {
    let Some(model) = run.worker.store.pipelines.pipeline(run.record.id).await?.model_name else { return Ok(false) };
    let current = run.worker.store.serving.deployment(&model, &Environment::dev()).await?;
    Ok(current.is_some_and(|current| current.pipeline_id == run.record.id))
}

/// How long a deployment waits for model-servers and MLflow before it is undone.
const PATIENCE: Duration = Duration::from_mins(2);

/// Takes the version into service.
async fn roll_out(
    run: &Run,
    executed: &execute::Checkpoint,
    registered: &register::Checkpoint,
    metrics: &BTreeMap<String, f64>,
) -> Result<Checkpoint, PhaseError> {
    let (dev, model, version) = (Environment::dev(), &executed.manifest.model_name, registered.version);
    let new = NewDeployment {
        version,
        uri: registered.uri.clone(),
        sha256: registered.sha256.clone(),
        metrics: metrics.iter().map(|(name, value)| (name.clone(), Some(*value))).collect(),
    };
    let say = |text| run.log.say(text);
    let patience = Patience { limit: PATIENCE, say: &say };
    let push = Push { lease: &run.lease, model, environment: &dev, new, patience };
    let reached = match run.worker.rollout.push(push).await {
        Ok(rolled_out) => rolled_out.reached,
        Err(RolloutError::Newer { version }) => return Ok(not_newest(version)),
        Err(error @ RolloutError::RolledBack(_)) => {
            return Ok(Checkpoint { deployed: false, reason: format!("not deployed: {error}") });
        }
        Err(error) => return Err(error.into()),
    };
    let flavour = match executed.manifest.flavour {
        contract::Flavour::Native => "natively",
        contract::Flavour::Onnx => "ONNX",
        contract::Flavour::Python => "its own Python library",
    };
    Ok(Checkpoint { deployed: true, reason: format!("{model} version {version} serves in {dev} ({flavour}){reached}") })
}

fn not_newest(version: u64) -> Checkpoint {
    let reason = format!("not deployed: version {version} comes from a newer push and stays in service");
    Checkpoint { deployed: false, reason }
}

fn champion_metrics(current: &Deployment) -> BTreeMap<String, f64> {
    current.metrics.iter().filter_map(|(name, value)| Some((name.clone(), (*value)?))).collect()
}
