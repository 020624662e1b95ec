//! Tasks: durable background work that is no pipeline.
//!
//! | module | keeps |
//! |---|---|
//! | `records` | tasks: how they are made, listed and cancelled |
//! | `leases` | which worker has a task, and how it ends |
//! | `jobs` | which tasks the queue is to be told of |

mod jobs;
mod leases;
mod records;

pub use jobs::TaskJob;
pub(crate) use leases::fenced;
pub use leases::{TaskLease, TaskLeaseState};
pub use records::{NewTask, TaskRecord};
pub(crate) use records::{create, create_or_wake};

use crate::db::database::Database;

/// Tasks. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(crate) database: Database,
}
