//! Jobs that nobody waits for any more.

use contract::PipelineId;

use super::{KubernetesRunner, spec};

/// Why Jobs could not be swept.
#[derive(Debug, thiserror::Error)]
#[error("the Jobs can't be swept: {0}")]
pub struct SweepError(String);

impl KubernetesRunner {
    /// Deletes this installation's unfinished Jobs whose pipeline has ended or is under another lease by now, as
    /// `is_live` says of a pipeline and the number of a lease. Answers how many it deleted. Finished ones delete
    /// themselves after a while.
    pub async fn sweep<F>(&self, is_live: impl Fn(PipelineId, i64) -> F) -> Result<usize, SweepError>
    where
        F: Future<Output = bool>,
    {
        let owned = format!("{}={}", spec::OWNER, self.config.owner);
        let mut swept = 0;
        let mut next = None;
        loop {
            let page = self.cluster.page(&owned, next.as_deref()).await;
            let (jobs, more) = page.map_err(|error| SweepError(error.to_string()))?;
            for job in jobs.iter().filter(|job| !is_finished(job)) {
                let Some((pipeline, lease)) = spec::made_for(job) else { continue };
                if is_live(pipeline, lease).await {
                    continue;
                }
                let name = spec::name(pipeline, lease);
                tracing::info!(job = name, pipeline.id = %pipeline, "a Job that nobody waits for is deleted");
                self.cluster.delete(&name).await.map_err(|error| SweepError(error.to_string()))?;
                swept += 1;
            }
            next = more;
            if next.is_none() {
                return Ok(swept);
            }
        }
    }
}

fn is_finished(job: &k8s_openapi::api::batch::v1::Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|one| matches!(&*one.type_, "Complete" | "Failed") && one.status == "True")
}
