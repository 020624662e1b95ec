//! What the queue carries.

use serde::{Deserialize, Serialize};

use crate::PipelineId;

/// One unit of queued work. It carries an identifier; the row in the store carries the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The pipeline to carry on with.
    pub pipeline_id: PipelineId,
}
