//! When schedules fire. Pure: whoever asks reads the clock and keeps what fired.

mod cron;
mod due;

pub use cron::{Cron, CronError};
pub use due::{Due, GRACE, due};
