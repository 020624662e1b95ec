//! SQLite's file: what rows leave free is used again, and what is free beyond that is given back to the system.
//!
//! A file of a version before was made without the means for it: its free pages are used again, and it shrinks only when it
//! is written anew, with nobody else at work. PostgreSQL sees to its space by itself.
//!
//! Source: <https://www.sqlite.org/pragma.html#pragma_auto_vacuum>.

use sqlx::AssertSqlSafe;

use super::Retention;
use crate::{StoreError, db::dialect::Dialect, db::fields::Fields};

/// How many free pages, 16 MB, are left for what is written next.
const SPARE: i64 = 4096;

impl Retention {
    /// Gives back at most so many of the file's free pages. Answers how many were; 0 when there is nothing to give back.
    /// Called after each removal it costs little: among millions of free pages, SQLite searches for each.
    pub async fn give_back(&self, pages: u32) -> Result<u64, StoreError> {
        if self.database.dialect == Dialect::Postgres {
            return Ok(0);
        }
        let free = self.pragma("auto_vacuum").await.map(|mode| mode == INCREMENTAL)?;
        let spare = if free { self.pragma("freelist_count").await? - SPARE } else { 0 };
        let pages = spare.min(i64::from(pages));
        if pages <= 0 {
            return Ok(0);
        }
        let mut write = self.database.write().await?;
        write.run(sqlx::query(AssertSqlSafe(format!("PRAGMA incremental_vacuum({pages})")))).await?;
        write.commit().await?;
        Ok(pages.unsigned_abs())
    }

    async fn pragma(&self, name: &str) -> Result<i64, StoreError> {
        let row = self.database.optional(sqlx::query(AssertSqlSafe(format!("PRAGMA {name}")))).await?;
        Fields(&row.ok_or(StoreError::NotFound)?).get(name)
    }
}

/// `auto_vacuum` of a file that can give pages back.
const INCREMENTAL: i64 = 2;
