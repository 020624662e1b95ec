//! Batch predictions and their shards.
//!
//! | module | keeps |
//! |---|---|
//! | `records` | batch predictions: how they are made and listed |
//! | `shards` | what each shard reads and wrote |
//! | `ends` | how they end, and go on after that |

mod ends;
mod records;
mod shards;

pub(crate) use ends::task_ended_badly;
pub use records::{Batch, BatchFilter, Created, NewBatch};
pub use shards::{ShardDone, ShardEnd, ShardWork};

use crate::db::database::Database;

/// Batch predictions. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Batches {
    pub(crate) database: Database,
}
