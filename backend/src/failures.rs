//! Who sends deliveries that are signed wrongly: too many of them, and what is long is not even read.
//!
//! A delivery that is signed well is always taken: who sends the others may stand behind the same proxy.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How many wrong signatures of one address are looked at in a [`WINDOW`].
const MOST: u32 = 30;
const WINDOW: Duration = Duration::from_mins(1);
/// How many addresses are remembered.
const ADDRESSES: usize = 1024;

/// Wrong signatures of late, by address.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Failures {
    /// Whether an address has sent too many, and for how long it counts as such.
    pub(crate) fn too_many(&self, from: IpAddr) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = known.get(&from)?;
        (*count >= MOST).then(|| WINDOW.checked_sub(since.elapsed())).flatten()
    }

    /// One more.
    pub(crate) fn count(&self, from: IpAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ADDRESSES {
            known.retain(|_, (since, _)| since.elapsed() < WINDOW);
            if known.len() >= ADDRESSES {
                known.clear();
            }
        }
        let entry = known.entry(from).or_insert_with(|| (Instant::now(), 0));
        if entry.0.elapsed() >= WINDOW {
            *entry = (Instant::now(), 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }
}
