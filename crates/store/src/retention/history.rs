//! Deliveries and ended tasks.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::Retention;
use crate::{StoreError, db::fields::Fields};

impl Retention {
    /// How many deliveries came before a moment.
    pub async fn old_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT COUNT(*) AS old FROM deliveries WHERE received_at < $1");
        let row = self.database.optional(query.bind(before.as_millisecond())).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("old")
    }

    /// Removes deliveries that came before a moment, at most so many. The code host's redelivery of such a one is taken
    /// for a new one; its commit's pipelines are still known.
    pub async fn remove_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.remove("deliveries", "delivery_id", "received_at", before, limit).await
    }

    /// Removes tasks that ended before a moment, at most so many.
    pub async fn remove_tasks(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.remove("tasks", "id", "finished_at", before, limit).await
    }

    async fn remove(&self, table: &str, key: &str, time: &str, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let old = format!("SELECT {key} FROM {table} WHERE {time} IS NOT NULL AND {time} < $1 ORDER BY {time} LIMIT $2");
        let sql = format!("DELETE FROM {table} WHERE {}", write.dialect.one_of(key, &old));
        let removed =
            write.run(sqlx::query(AssertSqlSafe(sql)).bind(before.as_millisecond()).bind(i64::from(limit))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
