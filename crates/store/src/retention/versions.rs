//! Versions that nothing deploys, and their deployments of long ago.

use contract::{Leftovers, ModelName, PipelineId, TaskPayload};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Retention, kept::may_go, kept_deployments};
use crate::{
    NewTask, StoreError,
    db::fields::{Fields, json},
    tasks,
};

/// A place in the order of models and versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionCursor {
    model: String,
    version: i64,
}

/// A version that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldVersion {
    /// The model.
    pub model: ModelName,
    /// The registry version.
    pub version: u64,
}

/// How many versions are looked at by one statement.
const LOOKED_AT: i64 = 500;

impl Retention {
    /// The next of the versions that were recorded before a moment and may go, from a cursor on, and where to go on: `None`
    /// after the last. `deployments` of each model and environment are kept, and what came from the pipelines named.
    pub async fn old_versions(
        &self,
        from: &VersionCursor,
        before: Timestamp,
        deployments: u32,
        kept: &[PipelineId],
    ) -> Result<(Vec<OldVersion>, Option<VersionCursor>), StoreError> {
        let sql = format!(
            "SELECT v.model_name, v.version, CASE WHEN v.created_at < $3 AND NOT {} AND {} THEN 1 ELSE 0 END AS may_go
             FROM (SELECT * FROM versions WHERE (model_name, version) > ($1, $2) ORDER BY model_name, version
                 LIMIT {LOOKED_AT}) v JOIN pipelines p ON p.id = v.pipeline_id
             ORDER BY v.model_name, v.version",
            self.database.dialect.among("p.id", "$4"),
            may_go("$5"),
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(from.model.clone())
            .bind(from.version)
            .bind(before.as_millisecond())
            .bind(json(&kept)?)
            .bind(kept_deployments(deployments));
        let (mut old, mut next) = (Vec::new(), None);
        for row in &self.database.all(query).await? {
            let fields = Fields(row);
            next = Some(VersionCursor { model: fields.get("model_name")?, version: fields.get("version")? });
            if fields.flag("may_go")? {
                old.push(OldVersion { model: fields.parsed("model_name")?, version: fields.count("version")? });
            }
        }
        Ok((old, next))
    }

    /// Removes a version, if it may still go, with its deployments of long ago. Its files are removed by a task. Answers
    /// whether it went.
    pub async fn remove_version(&self, old: &OldVersion, deployments: u32) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let sql = format!(
            "SELECT p.id FROM versions v JOIN pipelines p ON p.id = v.pipeline_id
             WHERE v.model_name = $1 AND v.version = $2 AND {}{}",
            may_go("$3"),
            write.dialect.locked(),
        );
        let (model, version) = (old.model.as_str(), old.version.cast_signed());
        let found = sqlx::query(AssertSqlSafe(sql)).bind(model).bind(version).bind(kept_deployments(deployments));
        if write.optional(found).await?.is_none() {
            write.undo().await?;
            return Ok(false);
        }
        // What a deployment would give way to is gone with it: nothing rolls back so far.
        for sql in [
            "UPDATE deployment_history SET former = NULL WHERE former IN (
                 SELECT generation FROM deployment_history WHERE model_name = $1 AND version = $2)",
            "DELETE FROM deployment_history WHERE model_name = $1 AND version = $2",
            "DELETE FROM versions WHERE model_name = $1 AND version = $2",
        ] {
            write.run(sqlx::query(sql).bind(model).bind(version)).await?;
        }
        let versions = vec![(old.model.clone(), old.version)];
        let payload = TaskPayload::RemoveFiles(Leftovers { versions, ..Leftovers::default() });
        tasks::create(&mut write, &NewTask::soon(payload)).await?;
        write.commit().await?;
        Ok(true)
    }
}
