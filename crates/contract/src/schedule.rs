//! Schedules: what happens at which times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Environment, RepoName, words::words};

words!(
    /// What a schedule has done.
    ScheduleKind {
        /// A table goes through a model.
        BatchPrediction = "batch_prediction",
        /// A notebook runs, as it is at the head of its branch.
        Retraining = "retraining",
        /// What the settings no longer keep is removed.
        Retention = "retention",
        /// An environment's bucket is looked through for versions.
        RegistryScan = "registry_scan",
    }
);

words!(
    /// What becomes of a firing that comes while the one before still runs.
    Overlap {
        /// It is left out.
        Skip = "skip",
        /// It waits.
        Queue = "queue",
        /// It ends the one before.
        Replace = "replace",
    }
);

words!(
    /// What becomes of firings that nobody was there for.
    Misfire {
        /// They are left out.
        Skip = "skip",
        /// The newest stands for all of them.
        Once = "once",
        /// Each is made up for, one after the other.
        All = "all",
    }
);

words!(
    /// Why there is a firing.
    FiringCause {
        /// Its time came.
        Cron = "cron",
        /// Somebody wanted it now.
        Manual = "manual",
        /// Somebody wanted those of the past.
        Backfill = "backfill",
    }
);

words!(
    /// How far a firing is.
    FiringStatus {
        /// It waits for its turn.
        Waiting = "waiting",
        /// What it began goes on.
        Running = "running",
        /// That ended well.
        Succeeded = "succeeded",
        /// That failed, or could not begin.
        Failed = "failed",
        /// It was left out.
        Skipped = "skipped",
        /// Somebody ended it.
        Cancelled = "cancelled",
    }
);

/// An environment's bucket that is looked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryScan {
    /// The environment.
    pub environment: Environment,
}

/// A notebook that runs again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retraining {
    /// A registered repository.
    pub repo: RepoName,
    /// The branch whose head is run.
    #[serde(default = "main_branch")]
    pub branch: String,
    /// The notebook's path in the repository.
    pub notebook_path: String,
    /// What the cell tagged `parameters` is overridden with. `scheduled_for` is added: the moment that the run stands for.
    #[serde(default)]
    pub parameters: BTreeMap<String, serde_json::Value>,
}

fn main_branch() -> String {
    "main".to_owned()
}
