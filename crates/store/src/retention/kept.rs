//! What never goes, however old it is: what is queued or runs; the newest result of each notebook on each branch; the
//! pipelines of the last deployments of each model in each environment, of those that rollbacks lead to, and of the versions
//! that are tried beside a deployment.

use contract::PipelineId;

use super::{Retention, kept_deployments};
use crate::{StoreError, db::fields::Fields, serving::candidates::beside};

/// Ends an `EXISTS` that is to be looked up in an index, row by row: PostgreSQL would rather read a whole table for all of
/// them together, and does not where there is an offset.
pub(super) const ONE: &str = "LIMIT 1 OFFSET 0";

/// Whether the pipeline `p` may go, if `deployments` (a parameter) of each model and environment are kept. A cancelled
/// pipeline has no result; one that failed is the newest result until any other ends, one that succeeded until another
/// succeeds.
pub(crate) fn may_go(deployments: &str) -> String {
    let newer = |status: &str| {
        format!(
            "EXISTS (SELECT 1 FROM pipelines n WHERE n.repo = p.repo AND n.branch = p.branch
                 AND n.notebook_path = p.notebook_path AND n.status = '{status}' AND n.id > p.id
                 AND n.finished_at IS NOT NULL {ONE})"
        )
    };
    format!(
        "p.finished_at IS NOT NULL AND p.status IN ('succeeded', 'failed', 'cancelled')
         AND (p.status = 'cancelled' OR {} OR (p.status = 'failed' AND {}))
         AND NOT EXISTS (SELECT 1 FROM deployment_history h WHERE h.pipeline_id = p.id AND (SELECT COUNT(*) FROM (
             SELECT 1 FROM deployment_history n WHERE n.model_name = h.model_name AND n.environment = h.environment
                 AND n.generation > h.generation LIMIT {deployments}) x) < {deployments} {ONE})
         AND NOT EXISTS (SELECT 1 FROM {} WHERE c.pipeline_id = p.id {ONE})",
        newer("succeeded"),
        newer("failed"),
        beside!(),
    )
}

impl Retention {
    /// The pipelines of the deployments that rollbacks lead to, so many of each model and environment. Each rollback of a
    /// rollback goes further back, to deployments that need not be among the last ones.
    pub async fn rollback_pipelines(&self, deployments: u32) -> Result<Vec<PipelineId>, StoreError> {
        let rows = self.database.all(sqlx::query(ROLLBACKS).bind(kept_deployments(deployments))).await?;
        rows.iter().map(|row| Fields(row).parsed("pipeline_id")).collect()
    }
}

pub(super) const ROLLBACKS: &str = "WITH RECURSIVE back (former, pipeline_id, depth) AS (
        SELECT h.former, h.pipeline_id, 1 FROM deployments d CROSS JOIN deployment_history h
        WHERE h.generation = d.generation
        UNION ALL
        SELECT h.former, h.pipeline_id, b.depth + 1 FROM back b CROSS JOIN deployment_history h
        WHERE h.generation = b.former AND b.depth <= $1)
    SELECT DISTINCT pipeline_id FROM back";
