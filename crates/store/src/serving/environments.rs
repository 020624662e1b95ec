//! Which Python environments versions are served in.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use crate::{Serving, StoreError, db::dialect::Dialect, db::fields::Fields};

/// How many versions are looked at by one statement.
const PAGE: i64 = 500;

impl Serving {
    /// The Python environments that versions are served in, of all versions there are.
    pub async fn python_environments(&self) -> Result<BTreeSet<String>, StoreError> {
        let manifest = match self.database.dialect {
            Dialect::Sqlite => "p.checkpoint -> 'manifest' ->> 'environment'",
            Dialect::Postgres => "CAST(p.checkpoint AS json) -> 'manifest' ->> 'environment'",
        };
        let sql = format!(
            "SELECT v.model_name, v.version, CASE v.flavour WHEN 'python' THEN {manifest} END AS environment
             FROM (SELECT * FROM versions WHERE (model_name, version) > ($1, $2) ORDER BY model_name, version LIMIT {PAGE}) v
                 LEFT JOIN phases p ON p.pipeline_id = v.pipeline_id AND p.phase = 'execute'
             ORDER BY v.model_name, v.version"
        );
        let (mut found, mut last) = (BTreeSet::new(), (String::new(), 0_i64));
        loop {
            let page = sqlx::query(AssertSqlSafe(sql.clone())).bind(last.0.clone()).bind(last.1);
            let rows = self.database.all(page).await?;
            for row in &rows {
                found.extend(Fields(row).get::<Option<String>>("environment")?);
            }
            let Some(row) = rows.last() else { return Ok(found) };
            last = (Fields(row).get("model_name")?, Fields(row).get("version")?);
        }
    }
}
