//! Deliveries, ended tasks, the audit log, and what lets nobody in any more.

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

    /// How many entries of the audit log are from before a moment.
    pub async fn old_audit_entries(&self, before: Timestamp) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT COUNT(*) AS old FROM audit WHERE at < $1");
        let row = self.database.optional(query.bind(before.as_millisecond())).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("old")
    }

    /// Removes entries of the audit log that are from before a moment, at most so many.
    pub async fn remove_audit_entries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.remove("audit", "id", "at", before, limit).await
    }

    /// Removes sessions, tokens and keys that were over before a moment, at most so many of each; answers how many.
    pub async fn remove_ended_access(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let sessions = self.remove("sessions", "id", "expires_at", before, limit).await?;
        let tokens = self.remove("one_time_tokens", "digest", "expires_at", before, limit).await?;
        let mut write = self.database.write().await?;
        let over = "SELECT id FROM api_keys WHERE revoked_at < $1 OR expires_at < $1 ORDER BY id LIMIT $2";
        let mut keys = 0;
        for (table, column) in [("grants", "holder"), ("api_keys", "id")] {
            let sql = format!("DELETE FROM {table} WHERE {}", write.dialect.one_of(column, over));
            let delete = sqlx::query(AssertSqlSafe(sql)).bind(before.as_millisecond()).bind(i64::from(limit));
            keys = write.run(delete).await?;
        }
        write.commit().await?;
        Ok(sessions + tokens + keys)
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
