//! Retention: what is old enough to go, and its removal, a bounded number of rows a write.
//!
//! | module | keeps |
//! |---|---|
//! | `kept` | what never goes, however old it is |
//! | `ages` | from which moment on all is kept, by number and by size |
//! | `pipelines` | ended pipelines, their logs and notebooks |
//! | `versions` | versions that nothing deploys, and their deployments of long ago |
//! | `history` | deliveries and ended tasks |
//! | `space` | SQLite's file: free pages are given back |

mod ages;
mod history;
mod kept;
mod pipelines;
mod space;
mod versions;

pub use pipelines::{Cursor, Ended};
pub use versions::{OldVersion, VersionCursor};

use crate::db::database::Database;

/// What is old enough to go, and its removal. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Retention {
    pub(crate) database: Database,
}

/// How many deployments of a model in an environment are kept, of a setting in which 0 means all.
fn kept_deployments(setting: u32) -> i64 {
    if setting == 0 { i64::MAX } else { i64::from(setting) }
}
