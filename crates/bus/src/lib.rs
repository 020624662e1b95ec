//! What travels between our processes: jobs, and the lines of logs that somebody follows.
//!
//! Nothing here is truth. A job says that there is work, and a batch of lines is in the store before it is
//! here; both may get lost or come twice. Each has two back-ends, one for a single process and one on Redis, and the same
//! tests pass on both.

mod connection;
mod error;
mod logs;
mod queue;

pub use error::BusError;
pub use logs::{LogBatch, LogFeed, LogHub, News};
pub use queue::{JobKind, Queue};
