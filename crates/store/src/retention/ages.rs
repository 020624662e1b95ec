//! From which moment on all is kept, where a number or a size says so and not an age.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Cursor, Retention};
use crate::{
    StoreError,
    db::fields::{Fields, millis},
};

/// How many pipelines are measured by one statement.
const MEASURED: i64 = 500;

impl Retention {
    /// The moment that was so long ago, by the database's clock.
    pub async fn ago(&self, age: Duration) -> Result<Timestamp, StoreError> {
        let sql = format!("SELECT {} - $1 AS moment", self.database.dialect.clock());
        let row = self.database.optional(sqlx::query(AssertSqlSafe(sql)).bind(millis(age))).await?;
        Fields(&row.ok_or(StoreError::NotFound)?).time("moment")
    }

    /// The end of the newest of all ended pipelines but the last `count`; `None` if there are not more.
    pub async fn end_before_last(&self, count: u64) -> Result<Option<Timestamp>, StoreError> {
        let row = self.database.optional(sqlx::query(LAST).bind(count.cast_signed())).await?;
        row.map(|row| Fields(&row).time("finished_at")).transpose()
    }

    /// The end of the newest pipeline whose log and notebook no longer fit into so many bytes beside those of all that
    /// ended later; `None` if all fit.
    pub async fn end_before_log_bytes(&self, bytes: u64) -> Result<Option<Timestamp>, StoreError> {
        let (mut cursor, mut sum) = (Cursor::END, 0_u64);
        loop {
            let page = sqlx::query(AssertSqlSafe(measured())).bind(cursor.ended).bind(cursor.id.clone());
            let rows = self.database.all(page).await?;
            for row in &rows {
                let fields = Fields(row);
                sum = sum.saturating_add(fields.count("bytes")?);
                if sum > bytes {
                    return Ok(Some(fields.time("finished_at")?));
                }
                cursor = Cursor { ended: fields.get("finished_at")?, id: fields.get("id")? };
            }
            if rows.is_empty() {
                return Ok(None);
            }
        }
    }
}

/// How many bytes the log and the notebook of the pipeline `p` have. They are not read for it.
pub(super) const LOG_BYTES: &str = "CAST(
    COALESCE((SELECT SUM(octet_length(l.lines)) FROM log_chunks l WHERE l.pipeline_id = p.id), 0)
    + COALESCE((SELECT octet_length(k.content) FROM notebooks k WHERE k.pipeline_id = p.id), 0) AS BIGINT)";

pub(super) const LAST: &str =
    "SELECT finished_at FROM pipelines WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1 OFFSET $1";

/// Measures the next of those that ended before the cursor `$1`, `$2`.
pub(super) fn measured() -> String {
    format!(
        "SELECT p.id, p.finished_at, {LOG_BYTES} AS bytes FROM (
             SELECT id, finished_at FROM pipelines WHERE finished_at IS NOT NULL AND (finished_at, id) < ($1, $2)
             ORDER BY finished_at DESC, id DESC LIMIT {MEASURED}) p
         ORDER BY p.finished_at DESC, p.id DESC"
    )
}
