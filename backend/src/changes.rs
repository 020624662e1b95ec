//! Promotions and rollbacks: either everything changes, or nothing does.
//!
//! A change holds its environment's claim, and keeps it alive. It first makes sure of the files; then it puts the store's
//! row, by which every model-server goes, and notes it in the claim; then most servers must have loaded the version, and
//! MLflow's alias must point at it. Whatever fails from the row on takes the row back.
//!
//! What is cut off before the row was put has changed nothing but files that nobody looks at, and its claim runs out. What
//! is cut off afterwards leaves a claim that names it: once it ran out, any backend takes it over, and goes through the same
//! steps again. So a change ends whole within a minute or so, made or taken back.

use std::time::Duration;

use artifacts::VersionLocation;
use contract::{Environment, LoadRequest, ModelName};
use fleet::{Reached, RollOutError};
use mlflow::MlflowError;
use service::telemetry;
use store::{Change, Claim, StoreError};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::Instrument;

use crate::Backend;

/// How long a claim lasts without being renewed.
const CLAIM: Duration = Duration::from_secs(30);
/// How often a claim is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// How often a backend looks for changes that were cut off.
const SWEEP: Duration = Duration::from_secs(5);
/// How long changes in hand may go on once the process is to stop.
const GRACE: Duration = Duration::from_secs(20);

/// What a person asks for.
#[derive(Debug)]
pub(crate) enum Order {
    /// Takes a version over into the environment that follows.
    Promote { model: ModelName, version: u64, from: Environment, to: Environment },
    /// Goes back to what was deployed before.
    RollBack { model: ModelName, environment: Environment },
}

impl Order {
    fn environment(&self) -> &Environment {
        match self {
            Self::Promote { to, .. } => to,
            Self::RollBack { environment, .. } => environment,
        }
    }
}

/// Why a change was not made. Nothing has changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// What is to be promoted is not what is deployed there.
    #[error("version {version} is not deployed to {from}")]
    NotDeployed { version: u64, from: Environment },
    /// It is there already.
    #[error("version {version} is deployed to {to} already")]
    AlreadyDeployed { version: u64, to: Environment },
    /// There is nothing before.
    #[error("no other version was deployed to {0} before")]
    NothingToRollBackTo(Environment),
    /// One at a time.
    #[error("another change of {0} is under way, or was cut off and is being brought to its end; try again in a minute")]
    InProgress(Environment),
    /// Somebody else was faster.
    #[error("another version was deployed to {0} meanwhile, and stays")]
    Overtaken(Environment),
    #[error(transparent)]
    Artifact(#[from] artifacts::Error),
    #[error(transparent)]
    RollOut(#[from] RollOutError),
    #[error(transparent)]
    Mlflow(#[from] MlflowError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It may have changed: whoever takes over the claim will see.
    #[error("the change could not be brought to its end; within a minute or so it will be made or taken back as a whole")]
    Unsettled,
}

/// A change that was made, and the servers it has reached.
pub(crate) struct Made {
    pub change: Change,
    pub reached: Reached,
}

/// How work under a claim ended, and whether nothing is left to be done for it.
struct End<T> {
    outcome: Result<T, ChangeError>,
    settled: bool,
}

/// Makes a change, in a task that goes on when whoever asked has gone.
pub(crate) async fn make(backend: &Backend, order: Order) -> Result<Made, ChangeError> {
    let (worker, span) = (backend.clone(), tracing::Span::current());
    let task = backend.changes.spawn(async move { carry_out(&worker, &order).await }.instrument(span));
    // It broke: its claim runs out, and tells what is left to be done.
    task.await.unwrap_or(Err(ChangeError::Unsettled))
}

/// Brings changes that were cut off to their end, until the process stops; then waits for those in hand.
pub(crate) async fn run(backend: &Backend) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = backend.shutdown.cancelled() => break,
        }
        let worker = backend.clone();
        let taken = backend.changes.spawn(async move { take_over(&worker).await });
        tokio::select! {
            _ = taken => {}
            () = backend.shutdown.cancelled() => break,
        }
    }
    backend.changes.close();
    if timeout(GRACE, backend.changes.wait()).await.is_err() {
        tracing::warn!("a change of an environment did not end in time; it is brought to its end by the next backend");
    }
}

async fn take_over(backend: &Backend) {
    let (claim, change) = match backend.store.serving.take_abandoned(CLAIM).await {
        Ok(Some(taken)) => taken,
        Ok(None) => return,
        Err(error) => return tracing::debug!(%error, "the store can't say whether a change was cut off"),
    };
    let deployment = &change.deployment;
    tracing::info!(
        model.name = %deployment.model, model.version = deployment.version, environment = %deployment.environment,
        "a change that was cut off is brought to its end"
    );
    // How it ends is said on the way.
    let _ = hold(backend, &claim, complete(backend, &claim, &change)).await;
}

async fn carry_out(backend: &Backend, order: &Order) -> Result<Made, ChangeError> {
    let environment = order.environment();
    let claim = backend.store.serving.claim_environment(environment, CLAIM).await?;
    let claim = claim.ok_or_else(|| ChangeError::InProgress(environment.clone()))?;
    let work = async {
        let change = match begin(backend, &claim, order).await {
            Ok(change) => change,
            // The answer that did not come may have been that the row is put.
            Err(ChangeError::Store(StoreError::Unavailable(_))) => {
                return End { outcome: Err(ChangeError::Unsettled), settled: false };
            }
            Err(error) => return End { outcome: Err(error), settled: true },
        };
        let End { outcome, settled } = complete(backend, &claim, &change).await;
        End { outcome: outcome.map(|reached| Made { change, reached }), settled }
    };
    hold(backend, &claim, work).await
}

/// Keeps a claim alive while work goes on, and gives it back when nothing is left to be done.
async fn hold<T>(backend: &Backend, claim: &Claim, work: impl Future<Output = End<T>>) -> Result<T, ChangeError> {
    let renewing = async {
        loop {
            sleep(RENEW).await;
            match backend.store.serving.renew_claim(claim, CLAIM).await {
                Ok(()) => {}
                Err(StoreError::Fenced) => return,
                Err(error) => tracing::warn!(%error, environment = %claim.environment, "a claim could not be renewed yet"),
            }
        }
    };
    let End { outcome, settled } = tokio::select! {
        end = work => end,
        // It is another backend's now.
        () = renewing => End { outcome: Err(ChangeError::Unsettled), settled: false },
    };
    if settled && let Err(error) = backend.store.serving.release_environment(claim).await {
        tracing::warn!(%error, environment = %claim.environment, "a claim could not be given back; it runs out");
    }
    outcome
}

/// Makes sure of the files, and puts the store's row.
async fn begin(backend: &Backend, claim: &Claim, order: &Order) -> Result<Change, ChangeError> {
    let (store, artifacts) = (&backend.store, &backend.artifacts);
    match order {
        Order::Promote { model, version, from, to } => {
            let deployed = store.serving.deployment(model, from).await?.filter(|deployed| deployed.version == *version);
            let mut deployed = deployed.ok_or_else(|| ChangeError::NotDeployed { version: *version, from: from.clone() })?;
            let location = VersionLocation { uri: deployed.uri, sha256: deployed.sha256.clone() };
            deployed.uri = artifacts.copy_version(&location, to, model, *version).await?.uri;
            let change = store.serving.promote(claim, deployed).await?;
            change.ok_or_else(|| ChangeError::AlreadyDeployed { version: *version, to: to.clone() })
        }
        Order::RollBack { model, environment } => {
            let target = store.serving.rollback_target(model, environment).await?;
            let target = target.ok_or_else(|| ChangeError::NothingToRollBackTo(environment.clone()))?;
            let location = VersionLocation { uri: target.uri.clone(), sha256: target.sha256.clone() };
            artifacts.verify(&location).await?;
            store.serving.roll_back(claim, &target).await?.ok_or_else(|| ChangeError::Overtaken(environment.clone()))
        }
    }
}

/// Brings a change whose row was put to its end. What was done of it before may be done again.
async fn complete(backend: &Backend, claim: &Claim, change: &Change) -> End<Reached> {
    let deployment = &change.deployment;
    let failure = match bring_out(backend, change).await {
        Ok(reached) => {
            tracing::info!(
                model.name = %deployment.model, model.version = deployment.version,
                environment = %deployment.environment, generation = deployment.generation, "deployed"
            );
            return End { outcome: Ok(reached), settled: true };
        }
        Err(failure) => failure,
    };
    tracing::warn!(
        model.name = %deployment.model, model.version = deployment.version, environment = %deployment.environment,
        error = %failure, "a change is taken back"
    );
    let outcome = match backend.store.serving.undo_change(claim, deployment).await {
        Ok(true) => Err(failure),
        Ok(false) => Err(ChangeError::Overtaken(claim.environment.clone())),
        Err(_) => return End { outcome: Err(ChangeError::Unsettled), settled: false },
    };
    let aligned = keep_alias(backend, &deployment.model, &claim.environment).await;
    if let Err(error) = &aligned {
        tracing::warn!(%error, environment = %claim.environment, "MLflow's alias may be another version's; tried again");
    }
    End { outcome, settled: aligned.is_ok() }
}

/// Has most model-servers load what is deployed, and MLflow's alias point at it.
async fn bring_out(backend: &Backend, change: &Change) -> Result<Reached, ChangeError> {
    let deployment = change.deployment.clone();
    let (model, environment) = (deployment.model, deployment.environment);
    let current = backend.store.serving.deployment(&model, &environment).await?;
    if current.is_none_or(|current| current.generation != deployment.generation) {
        return Err(ChangeError::Overtaken(environment));
    }
    let request = LoadRequest {
        version: deployment.version,
        uri: deployment.uri,
        sha256: deployment.sha256,
        environment: environment.clone(),
        generation: deployment.generation,
    };
    let servers = backend.store.serving.model_servers(fleet::SEEN_WITHIN).await?;
    let addresses = servers.into_iter().map(|(report, _)| report.address).collect();
    let reached = backend.fleet.roll_out(addresses, &model, &request, telemetry::trace_headers()).await?;
    keep_alias(backend, &model, &environment).await?;
    Ok(reached)
}

/// Points MLflow's alias at what the store says is deployed.
async fn keep_alias(backend: &Backend, model: &ModelName, environment: &Environment) -> Result<(), ChangeError> {
    let current = || async {
        let current = backend.store.serving.deployment(model, environment).await?;
        Ok::<_, ChangeError>(current.map(|current| current.version))
    };
    backend.mlflow.keep_alias(model.as_str(), environment.as_str(), current).await
}
