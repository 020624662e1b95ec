//! What may be asked for, and how each begins: under its lock, from the files to the row.

use std::time::Duration;

use artifacts::VersionLocation;
use contract::{CanaryVerdict, Environment, ModelName};
use store::{Change, DeploymentLock, Lease, Locked, NewDeployment, Pushed};

use crate::{Rollout, RolloutError, steps::LOCK};

/// What a push deploys.
pub struct Push<'a> {
    /// The pipeline's lease.
    pub lease: &'a Lease,
    /// The model.
    pub model: &'a ModelName,
    /// Where it is to serve.
    pub environment: &'a Environment,
    /// The version.
    pub new: NewDeployment,
    /// How long passing failures are waited out.
    pub patience: Patience<'a>,
}

/// How long failures that may pass are waited out before a change is undone, and who hears of them.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// At most so long.
    pub limit: Duration,
    /// Hears why it takes longer.
    pub say: &'a (dyn Fn(String) + Send + Sync),
}

impl Patience<'_> {
    /// None: somebody waits for the answer.
    pub(crate) const NONE: Patience<'static> = Patience { limit: Duration::ZERO, say: &|_| {} };
}

/// A change to be made.
pub(crate) enum Order<'a> {
    Push(Push<'a>),
    /// Takes a version over into another environment.
    Promote {
        model: &'a ModelName,
        version: u64,
        from: &'a Environment,
        to: &'a Environment,
    },
    /// Goes back to the previous deployment.
    RollBack {
        model: &'a ModelName,
        environment: &'a Environment,
    },
    /// Makes the candidate of this generation the current deployment.
    PromoteCandidate {
        model: &'a ModelName,
        environment: &'a Environment,
        generation: u64,
        verdict: &'a CanaryVerdict,
    },
}

impl Order<'_> {
    /// The model, and the environment that changes.
    pub(crate) fn place(&self) -> (&ModelName, &Environment) {
        match self {
            Self::Push(push) => (push.model, push.environment),
            Self::Promote { model, to, .. } => (model, to),
            Self::RollBack { model, environment } | Self::PromoteCandidate { model, environment, .. } => {
                (model, environment)
            }
        }
    }

    pub(crate) fn patience(&self) -> Patience<'_> {
        match self {
            Self::Push(push) => push.patience,
            _ => Patience::NONE,
        }
    }

    pub(crate) async fn lock(&self, rollout: &Rollout) -> Result<Locked, RolloutError> {
        let (model, environment) = self.place();
        Ok(match self {
            Self::Push(push) => rollout.serving.lock_for_push(push.lease, model, environment, LOCK).await?,
            _ => rollout.serving.lock(model, environment, LOCK).await?,
        })
    }

    /// Makes sure of the files, and writes the row.
    pub(crate) async fn begin(&self, rollout: &Rollout, lock: &DeploymentLock) -> Result<Change, RolloutError> {
        let (serving, artifacts) = (&rollout.serving, &rollout.artifacts);
        match self {
            // Its files were written and checked a moment ago.
            Self::Push(push) => match serving.push(lock, push.lease, push.new.clone()).await? {
                Pushed::Current(change) => Ok(*change),
                Pushed::Newer { version } => Err(RolloutError::Newer { version }),
                Pushed::RolledBack => Err(RolloutError::RolledBack(push.environment.clone())),
            },
            Self::Promote { model, version, from, to } => {
                let deployed = serving.deployment(model, from).await?.filter(|deployed| deployed.version == *version);
                let not_deployed = || RolloutError::NotDeployed { version: *version, from: (*from).clone() };
                let mut deployed = deployed.ok_or_else(not_deployed)?;
                let location = VersionLocation { uri: deployed.uri, sha256: deployed.sha256.clone() };
                deployed.uri = artifacts.copy_version(&location, to, model, *version).await?.uri;
                let change = serving.promote(lock, deployed).await?;
                change.ok_or_else(|| RolloutError::AlreadyDeployed { version: *version, to: (*to).clone() })
            }
            Self::RollBack { model, environment } => {
                let target = serving.rollback_target(model, environment).await?;
                let target = target.ok_or_else(|| RolloutError::NothingToRollBackTo((*environment).clone()))?;
                let location = VersionLocation { uri: target.uri.clone(), sha256: target.sha256.clone() };
                artifacts.verify(&location).await?;
                let change = serving.roll_back(lock, &target).await?;
                change.ok_or_else(|| RolloutError::Overtaken((*environment).clone()))
            }
            // Its files were checked when it began, and servers have it loaded.
            Self::PromoteCandidate { environment, generation, verdict, .. } => {
                let change = serving.promote_candidate(lock, *generation, (*verdict).clone()).await?;
                change.ok_or_else(|| RolloutError::NoCandidate((*environment).clone()))
            }
        }
    }
}
