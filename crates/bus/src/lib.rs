//! What travels between our processes: jobs, and the news that a log grew.
//!
//! Nothing here is truth. A job carries an identifier and a wake-up carries a number; both may come twice, and the
//! store says what they mean. What gets lost on the way is sent again by the worker's sweep.

mod error;
mod logs;
mod queue;

pub use error::BusError;
pub use logs::LogHub;
pub use queue::Queue;
