//! Batch predictions: a table's rows through a model into a table.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BatchId, words::words};

/// A part of a batch prediction, which one worker scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchShard {
    /// Of which batch prediction.
    pub batch: BatchId,
    /// Its number, from 0.
    pub shard: u32,
}

words!(
    /// How far a batch prediction is.
    BatchStatus {
        /// None of its shards was begun.
        Queued = "queued",
        /// Its shards are scored.
        Running = "running",
        /// All are, and become part of the output.
        Writing = "writing",
        /// The output has its rows.
        Succeeded = "succeeded",
        /// It was given up. Nothing of it is in the output.
        Failed = "failed",
        /// Somebody ended it. Nothing of it is in the output.
        Cancelled = "cancelled",
    }
);

impl BatchStatus {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}
