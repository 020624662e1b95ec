//! SQLite's checkpoints: the write-ahead log is copied into the file beside the writer. By default the commit that makes the
//! log too long copies it, and everybody waits meanwhile.
//!
//! Source: <https://www.sqlite.org/c3ref/wal_checkpoint_v2.html>.

use std::time::Duration;

use sqlx::{AnyConnection, Connection, Row};
use tokio::{sync::watch, time::sleep};

use crate::StoreError;

/// Commits gather for so long before they are copied: a page that many of them change is copied once, and the disk is asked
/// seldom while commits wait for it too.
const GATHER: Duration = Duration::from_millis(200);

/// From so many pages on, 240 MB, the log is to begin anew, for which writers wait until all of the file is safe on the disk.
/// Below, it begins anew by itself as soon as a copy catches up with them.
const LONG: i64 = 60_000;

/// How long beginning anew waits for its turn among busy writers, and then keeps them waiting for readers at most. Where it
/// does not get it, the next copy tries again.
const PATIENCE: &str = "PRAGMA busy_timeout = 250";

/// What the task that copies is told.
#[derive(Debug, Clone, Copy)]
enum News {
    Written,
    Closed,
}

/// Tells the task that copies what happened. It ends with the last clone of this.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints(watch::Sender<News>);

impl Checkpoints {
    /// Starts the task, which has a connection of its own.
    pub(crate) async fn start(mut connection: AnyConnection) -> Result<Self, StoreError> {
        sqlx::raw_sql(PATIENCE).execute(&mut connection).await?;
        let (sender, receiver) = watch::channel(News::Written);
        tokio::spawn(copy(connection, receiver));
        Ok(Self(sender))
    }

    /// Something was written.
    pub(crate) fn written(&self) {
        self.0.send_replace(News::Written);
    }

    /// Nothing will be written any more.
    pub(crate) fn close(&self) {
        self.0.send_replace(News::Closed);
    }
}

async fn copy(mut connection: AnyConnection, mut news: watch::Receiver<News>) {
    while news.changed().await.is_ok() && matches!(*news.borrow_and_update(), News::Written) {
        sleep(GATHER).await;
        let copied = checkpoint(&mut connection, "PRAGMA wal_checkpoint(PASSIVE)").await;
        if copied.is_ok_and(|length| length > LONG) {
            // What is left to copy by now is little.
            let _ = checkpoint(&mut connection, "PRAGMA wal_checkpoint(RESTART)").await;
        }
    }
    // Who closes last copies the rest.
    let _ = connection.close().await;
}

/// Answers the length of the log, in pages.
async fn checkpoint(connection: &mut AnyConnection, how: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::raw_sql(how).fetch_one(connection).await?.try_get("log")?)
}
