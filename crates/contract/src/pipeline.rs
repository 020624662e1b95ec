//! A pipeline as the API shows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CommitSha, ModelName, PipelineId, RepoName, words::words};

words!(
    /// The phases of a pipeline, in the order they run.
    #[schema(as = PhaseName)]
    Phase {
        /// Fetch the whole tree at the pushed commit.
        Download = "download",
        /// Check the notebook contract, statically.
        Validate = "validate",
        /// Run the notebook on a kernel.
        Execute = "execute",
        /// Record the run and register the model's next version.
        Register = "register",
        /// Let the gates decide; load and swap in a passing model.
        Deploy = "deploy",
    }
);

words!(
    /// How far a phase is.
    PhaseStatus {
        /// Not started.
        Pending = "pending",
        /// Started, not ended.
        Running = "running",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended with an error.
        Failed = "failed",
        /// Not run, because an earlier phase ended the pipeline.
        Skipped = "skipped",
    }
);

words!(
    /// How far a pipeline is.
    PipelineStatus {
        /// Waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// Every phase ended well; whether the model was deployed is said apart.
        Succeeded = "succeeded",
        /// A phase failed.
        Failed = "failed",
        /// Cancelled by a person, or superseded by a newer push.
        Cancelled = "cancelled",
        /// The notebook bears no mlops tag.
        Skipped = "skipped",
    }
);

impl PipelineStatus {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A phase's row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PhaseRecord {
    /// Which phase.
    pub name: Phase,
    /// How far it is.
    pub status: PhaseStatus,
    /// When its latest attempt started.
    #[schema(required)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(required)]
    pub finished_at: Option<Timestamp>,
    /// How many times it was started.
    pub attempt: u32,
    /// What went wrong.
    #[schema(required)]
    pub error: Option<String>,
}

/// A pipeline, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PipelineRecord {
    /// Its identifier.
    pub id: PipelineId,
    /// The repository pushed to.
    pub repo: RepoName,
    /// The branch pushed to, without `refs/heads/`.
    pub branch: String,
    /// The commit pushed.
    pub commit_sha: CommitSha,
    /// The notebook's path in the repository.
    pub notebook_path: String,
    /// From the config cell, once validated.
    #[schema(required)]
    pub model_name: Option<ModelName>,
    /// From the config cell, once validated: a label.
    #[schema(required)]
    pub declared_version: Option<String>,
    /// MLflow's version number, once registered.
    #[schema(required)]
    pub registry_version: Option<u64>,
    /// How far it is.
    pub status: PipelineStatus,
    /// Whether its model was deployed.
    pub deployed: bool,
    /// Why it ended as it did, in words.
    #[schema(required)]
    pub reason: Option<String>,
    /// Its phases, in order.
    pub phases: Vec<PhaseRecord>,
    /// The metrics its gates read. `null` stands for a number JSON has no form for (NaN, the infinities).
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Parameters given for this run.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The MLflow run.
    #[schema(required)]
    pub mlflow_run_id: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its first phase started.
    #[schema(required)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(required)]
    pub finished_at: Option<Timestamp>,
}
