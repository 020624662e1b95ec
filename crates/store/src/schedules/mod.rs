//! Schedules and their firings.
//!
//! | module | keeps |
//! |---|---|
//! | `records` | schedules: how they are made, changed and listed |
//! | `firings` | what became of each firing |
//! | `declared` | which of them the files of repositories declare |
//! | `turns` | what whoever sees to a schedule notes of it, in the name of its task's lease |

mod declared;
mod firings;
mod records;
mod turns;

pub(crate) use declared::read_again;
pub use declared::{Declaration, DeclaredChange, ReadFiles};
pub use firings::Firing;
pub use records::{NewSchedule, Schedule, ScheduleChange, ScheduleFilter, Source};
pub use turns::{Began, Fired};

use crate::db::database::Database;

/// Schedules. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Schedules {
    pub(crate) database: Database,
}
