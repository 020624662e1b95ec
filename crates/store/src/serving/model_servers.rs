//! Which model-servers there are, and what each serves.

use std::time::Duration;

use contract::ServerReport;
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::{
    Serving, StoreError,
    db::fields::{Fields, json, millis},
};

/// After how long a model-server that says nothing is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(24);

impl Serving {
    /// Keeps what a model-server says of itself, in place of what it said before.
    pub async fn report_server(&self, report: &ServerReport) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        let seen = sqlx::query(
            "INSERT INTO model_servers (address, seen_at, report) VALUES ($1, $2, $3)
             ON CONFLICT (address) DO UPDATE SET seen_at = excluded.seen_at, report = excluded.report",
        )
        .bind(&report.address)
        .bind(write.now)
        .bind(json(report)?);
        write.run(seen).await?;
        let forget = sqlx::query("DELETE FROM model_servers WHERE seen_at < $1");
        write.run(forget.bind(write.now.saturating_sub(millis(FORGOTTEN)))).await?;
        write.commit().await
    }

    /// The model-servers that said something within this time, and when they last did, by address.
    pub async fn model_servers(&self, seen_within: Duration) -> Result<Vec<(ServerReport, Timestamp)>, StoreError> {
        let sql = format!(
            "SELECT report, seen_at FROM model_servers WHERE seen_at >= {} - $1 ORDER BY address",
            self.database.dialect.clock()
        );
        // No time-out is longer than the time since 1970, whose end an addition must not reach.
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(millis(seen_within).min(1 << 50))).await?;
        rows.iter().map(|row| Ok((Fields(row).json("report")?, Fields(row).time("seen_at")?))).collect()
    }

    /// Forgets every model-server, for the start of a process that knows its one predecessor to be dead.
    pub async fn forget_servers(&self) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        write.run(sqlx::query("DELETE FROM model_servers")).await?;
        write.commit().await
    }
}
