//! The steps of a change, and the way back.

use std::time::Duration;

use contract::{Environment, LoadRequest, ModelName};
use fleet::{Fleet, Reached};
use service::telemetry;
use store::{Candidate, Change, Deployment, DeploymentLock, Locked, Serving, StoreError};
use tokio::time::{Instant, sleep};

use crate::{
    RolloutError,
    order::{Order, Patience, Push},
};

/// How long a lock lasts without being renewed.
pub(crate) const LOCK: Duration = Duration::from_secs(30);
/// How often a lock is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// How long a push waits for another change of its model; longer than one may take.
const LOCK_PATIENCE: Duration = Duration::from_mins(5);
/// How often it looks whether that one has come to its end.
const LOCK_POLL: Duration = Duration::from_millis(500);

/// Takes versions into service. Cheap to clone.
#[derive(Clone)]
pub struct Rollout {
    pub(crate) serving: Serving,
    pub(crate) artifacts: artifacts::Store,
    pub(crate) fleet: Fleet,
    mlflow: mlflow::Client,
}

/// A change that was made, and the servers it has reached.
#[derive(Debug)]
pub struct RolledOut {
    /// What serves now, and did before.
    pub change: Change,
    /// How many model-servers have it, and which don't yet.
    pub reached: Reached,
}

/// How work under a lock ended, and whether nothing is left to be done for it.
pub(crate) struct End<T> {
    outcome: Result<T, RolloutError>,
    settled: bool,
}

impl<T> End<T> {
    pub(crate) fn settled(outcome: Result<T, RolloutError>) -> Self {
        Self { outcome, settled: true }
    }

    /// The lock keeps its note of the change, and runs out.
    fn unsettled() -> Self {
        Self { outcome: Err(RolloutError::Unsettled), settled: false }
    }
}

impl Rollout {
    /// Over what it changes.
    pub fn new(serving: Serving, artifacts: artifacts::Store, fleet: Fleet, mlflow: mlflow::Client) -> Self {
        Self { serving, artifacts, fleet, mlflow }
    }

    /// Takes a push's version into service. Waits while another change of the model is under way.
    pub async fn push(&self, push: Push<'_>) -> Result<RolledOut, RolloutError> {
        self.carry_out(&Order::Push(push)).await
    }

    /// Takes a deployed version over into another environment.
    pub async fn promote(
        &self,
        model: &ModelName,
        version: u64,
        from: &Environment,
        to: &Environment,
    ) -> Result<RolledOut, RolloutError> {
        self.carry_out(&Order::Promote { model, version, from, to }).await
    }

    /// Takes the previous deployment into service again.
    pub async fn roll_back(&self, model: &ModelName, environment: &Environment) -> Result<RolledOut, RolloutError> {
        self.carry_out(&Order::RollBack { model, environment }).await
    }

    /// Brings one change that was cut off to its end, if there is one; `false` if there is none.
    pub async fn finish_one(&self) -> Result<bool, StoreError> {
        let Some((lock, change)) = self.serving.take_unfinished(LOCK).await? else { return Ok(false) };
        // How it ends is said on the way.
        let _ = self.hold(&lock, self.finish(&lock, &change)).await;
        Ok(true)
    }

    pub(crate) async fn carry_out(&self, order: &Order<'_>) -> Result<RolledOut, RolloutError> {
        let (lock, unfinished) = self.lock(order).await?;
        let work = async {
            if let Some(change) = unfinished {
                let End { settled, .. } = self.finish(&lock, &change).await;
                if !settled {
                    let outcome = Err(in_progress(&lock.model, &lock.environment));
                    return End { outcome, settled };
                }
            }
            let change = match order.begin(self, &lock).await {
                Ok(change) => change,
                // The answer that did not come may have been that the row is written.
                Err(RolloutError::Store(StoreError::Unavailable(_))) => return End::unsettled(),
                Err(error) => return End::settled(Err(error)),
            };
            let End { outcome, settled } = self.complete(&lock, &change, order.patience()).await;
            End { outcome: outcome.map(|reached| RolledOut { change, reached }), settled }
        };
        self.hold(&lock, work).await
    }

    /// Takes the lock, and with it what was left unfinished under it.
    async fn lock(&self, order: &Order<'_>) -> Result<(DeploymentLock, Option<Change>), RolloutError> {
        let (deadline, mut said) = (Instant::now() + LOCK_PATIENCE, false);
        loop {
            match order.lock(self).await? {
                Locked::Free(lock) => return Ok((lock, None)),
                Locked::Unfinished(lock, change) => return Ok((lock, Some(*change))),
                Locked::Held => {}
            }
            let (model, environment) = order.place();
            if !matches!(order, Order::Push(_)) || Instant::now() > deadline {
                return Err(in_progress(model, environment));
            }
            if !std::mem::replace(&mut said, true) {
                (order.patience().say)(format!(
                    "another change of {model} in {environment} is under way; waiting for its end"
                ));
            }
            sleep(LOCK_POLL).await;
        }
    }

    /// Keeps a lock alive while work goes on, and gives it back when nothing is left to be done.
    pub(crate) async fn hold<T>(
        &self,
        lock: &DeploymentLock,
        work: impl Future<Output = End<T>>,
    ) -> Result<T, RolloutError> {
        let renewing = async {
            loop {
                sleep(RENEW).await;
                match self.serving.renew_lock(lock, LOCK).await {
                    Ok(()) => {}
                    Err(StoreError::Fenced) => return,
                    Err(error) => tracing::warn!(%error, model.name = %lock.model, "a lock could not be renewed yet"),
                }
            }
        };
        let End { outcome, settled } = tokio::select! {
            end = work => end,
            // Another process has it now.
            () = renewing => End::unsettled(),
        };
        if settled && let Err(error) = self.serving.unlock(lock).await {
            tracing::warn!(%error, model.name = %lock.model, "a lock could not be given back; it runs out");
        }
        outcome
    }

    /// Goes through the steps of a change that was cut off.
    pub(crate) async fn finish(&self, lock: &DeploymentLock, change: &Change) -> End<Reached> {
        let Deployment { model, version, environment, .. } = &change.deployment;
        tracing::info!(
            model.name = %model, model.version = version, %environment, "a change that was cut off is brought to its end"
        );
        self.complete(lock, change, Patience::NONE).await
    }

    /// Brings a change whose row is written to its end. What was done of it before may be done again.
    async fn complete(&self, lock: &DeploymentLock, change: &Change, patience: Patience<'_>) -> End<Reached> {
        let Deployment { model, version, environment, generation, .. } = &change.deployment;
        let failure = match self.patiently(change, patience).await {
            Ok(reached) => {
                tracing::info!(model.name = %model, model.version = version, %environment, generation, "deployed");
                return End::settled(Ok(reached));
            }
            Err(failure) => failure,
        };
        tracing::warn!(
            model.name = %model, model.version = version, %environment, error = %failure, "a change is undone"
        );
        let outcome = match self.serving.undo(lock, &change.deployment).await {
            Ok(true) => Err(failure),
            Ok(false) => Err(RolloutError::Overtaken(environment.clone())),
            Err(_) => return End::unsettled(),
        };
        let aligned = self.align_alias(model, environment).await;
        if let Err(error) = &aligned {
            tracing::warn!(
                %error, model.name = %model, %environment, "MLflow's alias may point at another version; it is set again soon"
            );
        }
        End { outcome, settled: aligned.is_ok() }
    }

    /// Tries again while failures may pass, and there is patience left.
    async fn patiently(&self, change: &Change, patience: Patience<'_>) -> Result<Reached, RolloutError> {
        let deadline = Instant::now() + patience.limit;
        for attempt in 1.. {
            let error = match self.bring_out(&change.deployment).await {
                Err(error) if error.may_pass() => error,
                done => return done,
            };
            let wait = pipeline::backoff(attempt);
            if Instant::now() + wait > deadline {
                return Err(error);
            }
            (patience.say)(format!("{error}; trying again in {} s", wait.as_secs()));
            sleep(wait).await;
        }
        Err(RolloutError::Unsettled)
    }

    /// Has most model-servers load what is deployed, and MLflow's alias point at it.
    async fn bring_out(&self, deployment: &Deployment) -> Result<Reached, RolloutError> {
        let Deployment { model, environment, .. } = deployment;
        let place = self.serving.place(model, environment).await?;
        let Some(place) = place.filter(|place| place.current.generation == deployment.generation) else {
            return Err(RolloutError::Overtaken(environment.clone()));
        };
        // A load would take the whole place.
        if place.candidate.as_ref().is_some_and(Candidate::is_served) {
            let reached = self.spread(&place).await?;
            self.align_alias(model, environment).await?;
            return Ok(reached);
        }
        let request = LoadRequest {
            version: deployment.version,
            uri: deployment.uri.clone(),
            sha256: deployment.sha256.clone(),
            environment: environment.clone(),
            generation: deployment.generation,
        };
        let servers = self.serving.model_servers(fleet::SEEN_WITHIN).await?;
        let addresses = servers.into_iter().map(|(report, _)| report.address).collect();
        let reached = self.fleet.load(addresses, model, &request, telemetry::trace_headers()).await?;
        self.align_alias(model, environment).await?;
        Ok(reached)
    }

    /// Points MLflow's alias at what the store says is deployed.
    async fn align_alias(&self, model: &ModelName, environment: &Environment) -> Result<(), RolloutError> {
        let current = || async {
            let current = self.serving.deployment(model, environment).await?;
            Ok::<_, RolloutError>(current.map(|current| current.version))
        };
        self.mlflow.align_alias(model.as_str(), environment.as_str(), current).await
    }
}

pub(crate) fn in_progress(model: &ModelName, environment: &Environment) -> RolloutError {
    RolloutError::InProgress { model: model.clone(), environment: environment.clone() }
}
