//! Pipelines, and all that belongs to one: phases, leases, jobs, log, notebook.
//!
//! | module | keeps |
//! |---|---|
//! | `records` | pipelines |
//! | `list` | which pipelines there are, filtered and searched |
//! | `overview` | how many there are, and which need a person |
//! | `details` | what is known of a pipeline besides its record |
//! | `phases` | the phases of a pipeline and their checkpoints |
//! | `take` | whose turn it is |
//! | `leases` | which worker holds a pipeline; the fence that keeps a dead one from writing |
//! | `jobs` | which pipelines the queue is to be told of |
//! | `logs` | log lines |
//! | `notebooks` | notebooks, as far as they have been executed |
//! | `statistics` | how pipelines ended, day by day |

mod details;
pub(crate) mod jobs;
pub(crate) mod leases;
mod list;
mod logs;
mod notebooks;
mod overview;
pub(crate) mod phases;
mod records;
mod statistics;
pub(crate) mod take;

pub use details::Details;
pub use leases::{Lease, LeaseState};
pub use list::Filter;
pub use overview::{Attention, NeedsPerson, PipelineCounts, Reason, StatusCounts};
pub use records::Description;
pub use statistics::DayStatistics;

use crate::db::database::Database;

/// Pipelines and all that belongs to one. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Pipelines {
    pub(crate) database: Database,
}
