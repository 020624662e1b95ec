//! Batch predictions: a table's rows through a model into a table.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::BatchId;

/// A part of a batch prediction, which one worker scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchShard {
    /// Of which batch prediction.
    pub batch: BatchId,
    /// Its number, from 0.
    pub shard: u32,
}

/// How far a batch prediction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchStatus {
    /// None of its shards was begun.
    Queued,
    /// Its shards are scored.
    Running,
    /// All are, and become part of the output.
    Writing,
    /// The output has its rows.
    Succeeded,
    /// It was given up. Nothing of it is in the output.
    Failed,
    /// Somebody ended it. Nothing of it is in the output.
    Cancelled,
}

impl BatchStatus {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Writing, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The status as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Writing => "writing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}
