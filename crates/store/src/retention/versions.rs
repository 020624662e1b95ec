//! Versions that nothing deploys, and their deployments of long ago.

use contract::{Leftovers, ModelName, PipelineId, TaskPayload};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};

use super::{
    Retention,
    kept::{ONE, may_go},
    kept_deployments,
};
use crate::{
    NewTask, StoreError,
    db::dialect::Dialect,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
        let query = sqlx::query(AssertSqlSafe(page(self.database.dialect)))
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
                old.push(old_version(row)?);
            }
        }
        Ok((old, next))
    }

    /// Removes those of these versions that may still go, with their deployments of long ago. Their files are removed by a
    /// task, and if asked for what MLflow's registry has of them. Answers how many went.
    pub async fn remove_versions(&self, old: &[OldVersion], deployments: u32, registered: bool) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let found = sqlx::query(AssertSqlSafe(going(write.dialect))).bind(json(&old)?).bind(kept_deployments(deployments));
        let removed = write.all(found).await?.iter().map(old_version).collect::<Result<Vec<_>, _>>()?;
        if removed.is_empty() {
            write.undo().await?;
            return Ok(0);
        }
        for sql in removal(write.dialect) {
            write.run(sqlx::query(AssertSqlSafe(sql)).bind(json(&removed)?)).await?;
        }
        let versions: Vec<_> = removed.into_iter().map(|old| (old.model, old.version)).collect();
        let count = versions.len() as u64;
        let payload = TaskPayload::RemoveFiles(Leftovers { versions, registered, ..Leftovers::default() });
        tasks::create(&mut write, &NewTask::soon(payload)).await?;
        write.commit().await?;
        Ok(count)
    }
}

fn old_version(row: &AnyRow) -> Result<OldVersion, StoreError> {
    Ok(OldVersion { model: Fields(row).parsed("model_name")?, version: Fields(row).count("version")? })
}

/// Looks at the next after the cursor `$1`, `$2`.
pub(super) fn page(dialect: Dialect) -> String {
    format!(
        "SELECT v.model_name, v.version, CASE WHEN v.created_at < $3 AND {} AND EXISTS (
             SELECT 1 FROM pipelines p WHERE p.id = v.pipeline_id AND NOT {} AND {} {ONE}) THEN 1 ELSE 0 END AS may_go
         FROM (SELECT * FROM versions WHERE (model_name, version) > ($1, $2) ORDER BY model_name, version
             LIMIT {LOOKED_AT}) v
         ORDER BY v.model_name, v.version",
        unused(),
        dialect.among("p.id", "$4"),
        may_go("$5"),
    )
}

/// Whether no batch prediction that goes on needs the version `v`.
fn unused() -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM batches b WHERE b.model_name = v.model_name AND b.version = v.version
             AND b.finished_at IS NULL {ONE})"
    )
}

/// The versions of the JSON list `$1`, as rows `n`.
fn named(dialect: Dialect) -> String {
    dialect.rows("$1", &[("model", "TEXT"), ("version", "BIGINT")])
}

/// Finds those of the versions `$1` that may go, and locks their pipelines. SQLite joins them in this order.
pub(super) fn going(dialect: Dialect) -> String {
    let named = named(dialect);
    let lock = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE OF p",
    };
    format!(
        "SELECT v.model_name, v.version FROM {named} CROSS JOIN versions v CROSS JOIN pipelines p
         WHERE v.model_name = n.model AND v.version = n.version AND p.id = v.pipeline_id AND {} AND {}{lock}",
        unused(),
        may_go("$2"),
    )
}

/// Remove the versions `$1`.
pub(super) fn removal(dialect: Dialect) -> [String; 3] {
    let named = named(dialect);
    let these = format!("(model_name, version) IN (SELECT n.model, n.version FROM {named})");
    [
        // What a deployment would give way to is gone with it: nothing rolls back so far.
        format!(
            "UPDATE deployment_history SET former = NULL WHERE former IN (
                 SELECT generation FROM deployment_history WHERE {these})"
        ),
        format!("DELETE FROM deployment_history WHERE {these}"),
        format!("DELETE FROM versions WHERE {these}"),
    ]
}
