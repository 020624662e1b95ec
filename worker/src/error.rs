//! How a phase can end other than well.

use artifacts::Error as ArtifactError;
use contract::Phase;
use fleet::LoadError;
use forge::ForgeError;
use mlflow::MlflowError;
use rollout::RolloutError;
use store::StoreError;

/// What the driver does next.
#[derive(Debug)]
pub(crate) enum PhaseError {
    /// It may heal: wait and run the phase again.
    Retry(anyhow::Error),
    /// It will not heal: the pipeline failed, for this reason.
    Fail(String),
    /// What an earlier phase left is gone: that phase has to run again.
    Again(Phase),
    /// A person cancelled the pipeline.
    Cancelled,
    /// The pipeline is no longer ours (another worker took it over) or this process is stopping: leave it alone.
    Abandoned,
}

impl PhaseError {
    /// A failure that will not heal.
    pub fn fail(error: impl std::fmt::Display) -> Self {
        Self::Fail(error.to_string())
    }

    /// A failure of this machine or process, which another try may not meet.
    pub fn retry(error: impl Into<anyhow::Error>) -> Self {
        Self::Retry(error.into())
    }
}

impl From<StoreError> for PhaseError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fenced => Self::Abandoned,
            StoreError::Unavailable(_) => Self::retry(error),
            other => Self::fail(other),
        }
    }
}

impl From<MlflowError> for PhaseError {
    fn from(error: MlflowError) -> Self {
        match error {
            MlflowError::Unavailable { .. } => Self::retry(error),
            other => Self::fail(other),
        }
    }
}

impl From<RolloutError> for PhaseError {
    fn from(error: RolloutError) -> Self {
        match error {
            RolloutError::Store(error) => error.into(),
            RolloutError::InProgress { .. } | RolloutError::Overtaken(_) | RolloutError::Unsettled => Self::retry(error),
            RolloutError::Load(LoadError::Refused(detail)) => {
                Self::Fail(format!("the model-servers did not load the model: {}", kernel::brief(&detail)))
            }
            // These were waited out, and the deployment is undone.
            other => Self::Fail(format!("not deployed; the version that served before still serves: {other}")),
        }
    }
}

impl From<ForgeError> for PhaseError {
    fn from(error: ForgeError) -> Self {
        match error {
            ForgeError::Unavailable(_) | ForgeError::RateLimited { .. } | ForgeError::Disk { .. } => Self::retry(error),
            ForgeError::Cancelled => Self::Abandoned,
            other => Self::fail(other),
        }
    }
}

impl From<ArtifactError> for PhaseError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Unavailable { .. } => Self::retry(error),
            other => Self::fail(other),
        }
    }
}

impl From<std::io::Error> for PhaseError {
    fn from(error: std::io::Error) -> Self {
        Self::retry(error)
    }
}
