//! Deliveries and ended tasks.

use jiff::Timestamp;

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
        self.remove(DELIVERIES, before, limit).await
    }

    /// Removes tasks that ended before a moment, at most so many.
    pub async fn remove_tasks(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.remove(TASKS, before, limit).await
    }

    async fn remove(&self, delete: &'static str, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let removed = write.run(sqlx::query(delete).bind(before.as_millisecond()).bind(i64::from(limit))).await?;
        write.commit().await?;
        Ok(removed)
    }
}

pub(super) const DELIVERIES: &str = "DELETE FROM deliveries WHERE delivery_id IN (
    SELECT delivery_id FROM deliveries WHERE received_at < $1 ORDER BY received_at LIMIT $2)";

pub(super) const TASKS: &str = "DELETE FROM tasks WHERE id IN (
    SELECT id FROM tasks WHERE finished_at IS NOT NULL AND finished_at < $1 ORDER BY finished_at LIMIT $2)";
