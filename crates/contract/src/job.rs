//! What the queue carries.

use serde::{Deserialize, Serialize};

use crate::{PipelineId, TaskId};

/// What there is to do. It carries an identifier; the row in the store carries the truth.
///
/// Its JSON form is an object with one member, named after the identifier. Queues of the version before hold the same
/// for pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Job {
    /// A pipeline may run: whoever hears of it carries on the one whose turn it is, that one or another.
    #[serde(rename = "pipeline_id")]
    Pipeline(PipelineId),
    /// A task is due.
    #[serde(rename = "task_id")]
    Task(TaskId),
    /// A task is due that scores rows, or writes them: what takes long has a line of its own.
    #[serde(rename = "batch_task_id")]
    Batch(TaskId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_the_version_before_has_sent_can_be_read_and_the_other_way_round() {
        let id = PipelineId::generate();
        let text = format!(r#"{{"pipeline_id":"{id}"}}"#);
        let job = Job::Pipeline(id);
        assert_eq!(serde_json::from_str::<Job>(&text).expect("readable"), job);
        assert_eq!(serde_json::to_string(&job).expect("writable"), text);
        let task = Job::Task(TaskId::generate());
        let text = serde_json::to_string(&task).expect("writable");
        assert_eq!(serde_json::from_str::<Job>(&text).expect("readable"), task);
    }
}
