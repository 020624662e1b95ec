//! Why a change was not made.

use contract::{Environment, ModelName};
use fleet::LoadError;
use mlflow::MlflowError;
use store::StoreError;

/// Why a change was not made. Nothing has changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// What is to be promoted is not what is deployed there.
    #[error("version {version} is not deployed to {from}")]
    NotDeployed {
        /// The version.
        version: u64,
        /// Where it should be.
        from: Environment,
    },
    /// It is there already.
    #[error("version {version} is deployed to {to} already")]
    AlreadyDeployed {
        /// The version.
        version: u64,
        /// Where it is.
        to: Environment,
    },
    /// There is no previous deployment.
    #[error("no other version was deployed to {0} before")]
    NothingToRollBackTo(Environment),
    /// Nothing serves there that something could be tried beside.
    #[error("nothing is deployed to {0} that a version could be tried beside: promote one first")]
    NothingDeployed(Environment),
    /// There is no such version.
    #[error("there is no version {0} of it")]
    UnknownVersion(u64),
    /// It has not been in the environment before, nor here.
    #[error(
        "version {version} is neither deployed to {from} nor was it to {to}: a version is tried where it could be promoted to"
    )]
    NotEligible {
        /// The version.
        version: u64,
        /// Where it should be.
        from: Environment,
        /// Or have been.
        to: Environment,
    },
    /// Another version is tried.
    #[error("version {version} is tried in {environment} already: promote or withdraw it first")]
    AnotherCandidate {
        /// That one.
        version: u64,
        /// Where.
        environment: Environment,
    },
    /// No version is tried, or another one than was meant.
    #[error("no version is tried in {0}, or not any more")]
    NoCandidate(Environment),
    /// One at a time.
    #[error(
        "another change of {model} in {environment} is under way, or was cut off and is being brought to its end; try again in a minute"
    )]
    InProgress {
        /// The model.
        model: ModelName,
        /// The environment.
        environment: Environment,
    },
    /// Somebody else was faster.
    #[error("another version was deployed to {0} meanwhile, and stays")]
    Overtaken(Environment),
    /// A newer push has deployed: deploys never go backwards.
    #[error("version {version} comes from a newer push and stays in service")]
    Newer {
        /// What is deployed.
        version: u64,
    },
    /// A person decided against this push's version.
    #[error("a person rolled {0} back from this push's version, or a newer one's")]
    RolledBack(Environment),
    /// The version's files.
    #[error(transparent)]
    Artifact(#[from] artifacts::Error),
    /// The model-servers.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The alias.
    #[error(transparent)]
    Mlflow(#[from] MlflowError),
    /// The row, or the lock.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It may have changed: whoever takes the lock over will see to it.
    #[error("the change could not be finished; within about a minute it is either completed or undone as a whole")]
    Unsettled,
}

impl RolloutError {
    /// Whether the same step may succeed a little later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Load(LoadError::Unreached { .. } | LoadError::NoServer)
                | Self::Mlflow(MlflowError::Unavailable { .. })
                | Self::Store(StoreError::Unavailable(_))
        )
    }
}
