//! How much a write may do, so that nobody waits long for it: learned from how long the writes before took.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// How long a write is to take. Pushes wait for at most one.
const AIM: Duration = Duration::from_millis(12);
/// How long the rest after a write is at most: one that was slow has most likely waited for others.
const REST: Duration = Duration::from_millis(100);

/// The sizes of writes, each learned for itself.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Of removals of logs, in rows.
    pub logs: Size,
    /// Of removals of deliveries and tasks, in rows.
    pub history: Size,
    /// Of removals whose size is given.
    pub given: Size,
    /// Of giving back, in pages.
    pub pages: Size,
}

/// The size of the next write.
#[derive(Debug)]
pub(super) struct Size(u32);

impl Default for Size {
    fn default() -> Self {
        Self(64)
    }
}

impl Size {
    /// How much the next write may do.
    pub fn size(&self) -> u32 {
        self.0
    }

    /// Makes a write, learns from how long it took, and rests as long.
    pub async fn time<T, E>(&mut self, write: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let started = Instant::now();
        let done = write.await?;
        let took = started.elapsed();
        if took > AIM * 2 {
            self.0 = (self.0 / 2).max(8);
        } else if took < AIM {
            self.0 = (self.0 * 2).min(4096);
        }
        sleep(took.min(REST)).await;
        Ok(done)
    }
}
