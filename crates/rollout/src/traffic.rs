//! How a version is tried beside the deployed one, and how that ends.

use std::{collections::BTreeSet, time::Duration};

use artifacts::VersionLocation;
use contract::{CanaryVerdict, Environment, ModelName, ServedModel, ServedState, ServerReport, Share, TrafficRequest};
use fleet::{LAG, LOAD_TIMEOUT, LoadError, Reached, SEEN_WITHIN};
use jiff::Timestamp;
use store::{Candidate, Deployment, DeploymentLock, Locked, Place, Trial};
use tokio::time::{Instant, sleep};

use crate::{
    RolledOut, Rollout, RolloutError,
    order::Order,
    steps::{End, LOCK, in_progress},
};

/// How often it is looked how far the servers are.
const POLL: Duration = Duration::from_millis(100);

impl Rollout {
    /// Has a version tried beside the deployed one, or changes the shares of the one that is. A new one answers once this
    /// has returned: until most model-servers have loaded it, everything stays as it was.
    pub async fn try_out(
        &self,
        (model, environment): (&ModelName, &Environment),
        version: u64,
        trial: &Trial,
        by: &str,
    ) -> Result<Place, RolloutError> {
        let lock = self.lock_now(model, environment).await?;
        self.hold(&lock, async { End::settled(self.try_under(&lock, version, trial, by).await) }).await
    }

    /// Makes the candidate of this generation the current deployment. What it takes the place of stays loaded beside it.
    pub async fn promote_candidate(
        &self,
        (model, environment): (&ModelName, &Environment),
        generation: u64,
        verdict: &CanaryVerdict,
    ) -> Result<RolledOut, RolloutError> {
        self.carry_out(&Order::PromoteCandidate { model, environment, generation, verdict }).await
    }

    /// Ends the candidate of this generation. With a verdict, which its rules came to, that is kept in its place.
    pub async fn withdraw(
        &self,
        (model, environment): (&ModelName, &Environment),
        generation: u64,
        verdict: Option<&CanaryVerdict>,
    ) -> Result<(), RolloutError> {
        let lock = self.lock_now(model, environment).await?;
        let work = async {
            let number = match verdict {
                Some(verdict) => self.serving.take_back(&lock, generation, verdict).await?,
                None => self.serving.end_candidate(&lock, generation).await?,
            };
            let number = number.ok_or_else(|| RolloutError::NoCandidate(environment.clone()))?;
            if let Some(current) = self.serving.deployment(model, environment).await? {
                self.tell(&current, None, number).await?;
            }
            Ok(())
        };
        self.hold(&lock, async { End::settled(work.await) }).await
    }

    /// The lock of a model in an environment, once a change that was cut off there has come to its end.
    async fn lock_now(&self, model: &ModelName, environment: &Environment) -> Result<DeploymentLock, RolloutError> {
        let lock = match self.serving.lock(model, environment, LOCK).await? {
            Locked::Free(lock) => return Ok(lock),
            Locked::Unfinished(lock, change) => {
                // How it ends is said on the way.
                let _ = self.hold(&lock, self.finish(&lock, &change)).await;
                self.serving.lock(model, environment, LOCK).await?
            }
            Locked::Held => Locked::Held,
        };
        match lock {
            Locked::Free(lock) => Ok(lock),
            Locked::Unfinished(..) | Locked::Held => Err(in_progress(model, environment)),
        }
    }

    async fn try_under(&self, lock: &DeploymentLock, version: u64, trial: &Trial, by: &str) -> Result<Place, RolloutError> {
        let (model, environment) = (&lock.model, &lock.environment);
        let place = self.serving.place(model, environment).await?;
        let Place { current, candidate } = place.ok_or_else(|| RolloutError::NothingDeployed(environment.clone()))?;
        if current.version == version {
            return Err(RolloutError::AlreadyDeployed { version, to: environment.clone() });
        }
        let candidate = match candidate.filter(|candidate| !candidate.is_over()) {
            None => self.begin(lock, version, trial, by).await?,
            Some(tried) if tried.deployment.version == version => {
                let candidate = self.serving.share(lock, trial).await?;
                self.tell(&current, Some(&candidate), candidate.changed).await?;
                candidate
            }
            Some(other) => {
                let version = other.deployment.version;
                return Err(RolloutError::AnotherCandidate { version, environment: environment.clone() });
            }
        };
        Ok(Place { current, candidate: Some(candidate) })
    }

    /// Files, row, model-servers; or nothing.
    async fn begin(&self, lock: &DeploymentLock, version: u64, trial: &Trial, by: &str) -> Result<Candidate, RolloutError> {
        let (model, environment) = (&lock.model, &lock.environment);
        let found = self.serving.model_version(model, version).await?.ok_or(RolloutError::UnknownVersion(version))?;
        self.eligible((model, environment), version).await?;
        let location = VersionLocation { uri: found.uri, sha256: found.sha256.clone() };
        let uri = self.artifacts.copy_version(&location, environment, model, version).await?.uri;
        let new = Deployment {
            model: model.clone(),
            environment: environment.clone(),
            version,
            pipeline_id: found.pipeline_id,
            uri,
            sha256: found.sha256,
            metrics: found.metrics,
            // The store says both.
            deployed_at: Timestamp::UNIX_EPOCH,
            generation: 0,
        };
        let candidate = self.serving.try_out(lock, new, trial, by).await?;
        match self.reach(&candidate.deployment, &BTreeSet::new()).await {
            Ok(reached) => {
                tracing::info!(model.name = %model, model.version = version, %environment, "tried beside the deployed one{reached}");
                Ok(candidate)
            }
            Err(failure) => {
                tracing::warn!(
                    model.name = %model, model.version = version, %environment, error = %failure, "not tried"
                );
                self.serving.end_candidate(lock, candidate.deployment.generation).await?;
                Err(failure)
            }
        }
    }

    /// A version is tried where it could be promoted to, or was deployed before.
    async fn eligible(&self, (model, to): (&ModelName, &Environment), version: u64) -> Result<(), RolloutError> {
        let Some(from) = Environment::all().find(|from| from.following().as_ref() == Some(to)) else { return Ok(()) };
        let deployed = self.serving.deployment(model, &from).await?;
        if deployed.is_some_and(|deployed| deployed.version == version) {
            return Ok(());
        }
        if self.serving.was_deployed((model, to), version).await? {
            return Ok(());
        }
        Err(RolloutError::NotEligible { version, from, to: to.clone() })
    }

    /// Has the model-servers share out what serves at a place, and waits until most do.
    pub(crate) async fn spread(&self, place: &Place) -> Result<Reached, RolloutError> {
        let candidate = place.candidate.as_ref();
        let number = candidate.map_or(place.current.generation, |candidate| candidate.changed);
        let told = self.tell(&place.current, candidate, number).await?;
        self.reach(&place.current, &told).await
    }

    /// Has the model-servers share requests out anew, and answers which did at once.
    async fn tell(
        &self,
        current: &Deployment,
        candidate: Option<&Candidate>,
        number: u64,
    ) -> Result<BTreeSet<String>, RolloutError> {
        let rest = 100 - candidate.map_or(0, |candidate| candidate.weight);
        let mut shares = vec![Share { version: current.version, weight: rest, shadow: 0 }];
        shares.extend(candidate.map(|Candidate { deployment, weight, shadow, .. }| Share {
            version: deployment.version,
            weight: *weight,
            shadow: *shadow,
        }));
        let request = TrafficRequest { environment: current.environment.clone(), generation: number, shares };
        let servers = self.serving.model_servers(SEEN_WITHIN).await?;
        let addresses = servers.into_iter().map(|(report, _)| report.address).collect();
        Ok(self.fleet.share(addresses, &current.model, &request).await)
    }

    /// Waits until most model-servers have what they are to serve, by what they report; those that `told` so do.
    async fn reach(&self, wanted: &Deployment, told: &BTreeSet<String>) -> Result<Reached, RolloutError> {
        let began = Instant::now();
        let mut most = None;
        loop {
            let servers = self.serving.model_servers(SEEN_WITHIN).await?;
            let all = servers.len();
            if all == 0 {
                return Err(LoadError::NoServer.into());
            }
            let (mut lagging, mut refused) = (Vec::new(), Vec::new());
            for (report, _) in servers.iter().filter(|(report, _)| !told.contains(&report.address)) {
                let why = match state(report, wanted) {
                    Some(ServedState::Ready) => continue,
                    Some(ServedState::Failed { detail }) => {
                        refused.push(detail.clone());
                        detail.clone()
                    }
                    Some(ServedState::Loading) | None => "does not have it yet".to_owned(),
                };
                lagging.push((report.address.clone(), why));
            }
            let reached = all - lagging.len();
            if reached * 2 > all {
                let since = *most.get_or_insert_with(Instant::now);
                if lagging.is_empty() || since.elapsed() >= LAG {
                    return Ok(Reached::all_but(all, lagging));
                }
            } else if refused.len() * 2 >= all {
                return Err(LoadError::Refused(refused.swap_remove(0)).into());
            } else if began.elapsed() >= LOAD_TIMEOUT {
                let detail = lagging.swap_remove(0).1;
                return Err(LoadError::Unreached { reached, all, detail }.into());
            }
            sleep(POLL).await;
        }
    }
}

/// How far a model-server is with a deployment.
fn state<'a>(report: &'a ServerReport, wanted: &Deployment) -> Option<&'a ServedState> {
    let is_it = |served: &&ServedModel| {
        (&served.model_name, &served.environment) == (&wanted.model, &wanted.environment)
            && (served.version, served.generation) == (wanted.version, wanted.generation)
    };
    report.models.iter().find(is_it).map(|served| &served.state)
}
