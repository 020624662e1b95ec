//! Tasks: background work that is no pipeline.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BatchId, BatchShard, Environment, ModelName, PipelineId, RepoName, ScheduleId};

/// What a task is to do: one variant a kind, with all that its handler needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum TaskPayload {
    /// Remove what is older than the settings keep.
    Retention,
    /// Remove what rows that went have left elsewhere.
    RemoveFiles(Leftovers),
    /// Look whether a candidate keeps to its rules, again and again until it is over.
    Canary(CanaryWatch),
    /// Score a shard of a batch prediction.
    BatchShard(BatchShard),
    /// Make what a batch prediction's shards wrote part of its output.
    BatchCommit(BatchId),
    /// Look what of a schedule is due, and how what it began goes on; again and again.
    Schedule(ScheduleId),
    /// Make a repository's schedules as its files declare them.
    Declared(RepoName),
}

/// A candidate whose rules are to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryWatch {
    /// The model.
    pub model_name: ModelName,
    /// Where it is tried.
    pub environment: Environment,
    /// The number of the change that gave it these rules: with others, another task looks at them.
    pub ruled: u64,
}

/// What rows that went have left elsewhere. What is not there counts as removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftovers {
    /// Pipelines whose packages go.
    pub packages: Vec<PipelineId>,
    /// Versions whose files go, in every environment.
    pub versions: Vec<(ModelName, u64)>,
    /// Whether those versions go from MLflow's registry, too.
    #[serde(default)]
    pub registered: bool,
    /// MLflow runs.
    pub runs: Vec<String>,
}

impl TaskPayload {
    /// Every kind there is, by the name it is kept under: workers take tasks of these.
    pub const KINDS: [&str; 7] =
        ["retention", "remove_files", "canary", "batch_shard", "batch_commit", "schedule", "declared"];

    /// Of these, those which score rows, or write them. They take long, and no other waits for them.
    pub const BATCH_KINDS: [&str; 2] = ["batch_shard", "batch_commit"];

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        // By its place, so that a new kind has one in the list too.
        let place = match self {
            Self::Retention => 0,
            Self::RemoveFiles(_) => 1,
            Self::Canary(_) => 2,
            Self::BatchShard(_) => 3,
            Self::BatchCommit(_) => 4,
            Self::Schedule(_) => 5,
            Self::Declared(_) => 6,
        };
        Self::KINDS[place]
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// It waits for its time, or for a worker.
    Queued,
    /// A worker has it in hand.
    Running,
    /// It came to its end.
    Succeeded,
    /// It was given up.
    Failed,
    /// A person ended it.
    Cancelled,
}

impl TaskStatus {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The status as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_under_the_name_that_its_json_has() {
        let watch =
            CanaryWatch { model_name: "titanic".parse().expect("a name"), environment: Environment::dev(), ruled: 1 };
        let batch = BatchId::generate();
        let all = [
            TaskPayload::Retention,
            TaskPayload::RemoveFiles(Leftovers::default()),
            TaskPayload::Canary(watch),
            TaskPayload::BatchShard(BatchShard { batch, shard: 3 }),
            TaskPayload::BatchCommit(batch),
            TaskPayload::Schedule(ScheduleId::generate()),
            TaskPayload::Declared("local/titanic".parse().expect("a name")),
        ];
        let kinds = all.map(|payload| {
            let json = serde_json::to_value(&payload).expect("writable");
            assert_eq!(json["kind"], payload.kind());
            payload.kind()
        });
        assert_eq!(kinds, TaskPayload::KINDS);
    }
}
