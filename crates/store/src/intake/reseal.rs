//! Everything that is kept sealed, sealed with the newest key: what was written before there were keys, or with an older one.

use contract::RepoName;
use sqlx::AssertSqlSafe;

use super::{run_secrets, secrets};
use crate::{
    Intake, StoreError,
    db::{fields::Fields, sealing},
};

/// How many rows are sealed in one transaction.
const PAGE: i64 = 100;

/// A table with a column of sealed texts.
struct Sealed {
    table: &'static str,
    /// The column.
    stored: &'static str,
    /// What tells its rows apart, beside the repository.
    name: &'static str,
}

const WEBHOOKS: Sealed = Sealed { table: "webhook_secrets", stored: "secret", name: "secret" };
const RUNS: Sealed = Sealed { table: "run_secrets", stored: "sealed", name: "name" };

impl Intake {
    /// Seals with the newest key what is not; answers how many rows that were. [`StoreError::Sealed`] without a key, and at the
    /// end if there are rows that no key opens, which stay as they are.
    pub async fn seal_all(&self) -> Result<u64, StoreError> {
        Ok(self.seal_rows(&WEBHOOKS).await? + self.seal_rows(&RUNS).await?)
    }

    async fn seal_rows(&self, Sealed { table, stored, name }: &Sealed) -> Result<u64, StoreError> {
        let keys = self.keys.as_ref().ok_or_else(sealing::no_keys)?;
        let not_yet = format!(
            "SELECT repo, {name} AS name, {stored} AS stored FROM {table}
             WHERE {stored} <> '' AND {stored} NOT LIKE $1 AND (repo > $2 OR repo = $2 AND {name} > $3)
             ORDER BY repo, {name} LIMIT $4"
        );
        let update = format!("UPDATE {table} SET {stored} = $3 WHERE repo = $1 AND {stored} = $2");
        let (mut last, mut count, mut failed) = ((String::new(), String::new()), 0, None);
        loop {
            let query = sqlx::query(AssertSqlSafe(not_yet.as_str())).bind(format!("{}%", keys.newest()));
            let rows = self.database.all(query.bind(last.0.as_str()).bind(last.1.as_str()).bind(PAGE)).await?;
            let Some(end) = rows.last() else { return failed.map_or(Ok(count), Err) };
            last = (Fields(end).get("repo")?, Fields(end).get("name")?);
            let mut write = self.database.write().await?;
            for row in &rows {
                let fields = Fields(row);
                let (repo, name, old) =
                    (fields.parsed::<RepoName>("repo")?, fields.get::<String>("name")?, fields.get::<String>("stored")?);
                let belongs_to = if *table == RUNS.table {
                    run_secrets::belongs_to(repo.as_str(), &name)
                } else {
                    secrets::belongs_to(&repo)
                };
                match sealing::open(Some(keys), &old, &belongs_to) {
                    Ok(value) => {
                        let new = keys.seal(&value, &belongs_to)?;
                        let update = sqlx::query(AssertSqlSafe(update.as_str())).bind(repo.as_str()).bind(old).bind(new);
                        count += write.run(update).await?;
                    }
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            write.commit().await?;
        }
    }
}
