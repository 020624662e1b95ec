//! Wake-ups for those who follow a log live.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::PipelineId;
use tokio::sync::watch;

/// Tells followers of a pipeline's log that it grew. The lines themselves are in the store.
///
/// To follow without a gap: subscribe, then read the store to its end, then wait for a change, and so on.
#[derive(Debug, Clone, Default)]
pub struct LogHub {
    followed: Arc<Mutex<HashMap<PipelineId, watch::Sender<u64>>>>,
}

impl LogHub {
    /// A hub that nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the lines up to `last_seq` are stored.
    pub fn publish(&self, id: PipelineId, last_seq: u64) {
        let mut followed = self.lock();
        if let Some(sender) = followed.get(&id)
            && sender.send(last_seq).is_err()
        {
            followed.remove(&id);
        }
    }

    /// Says that the log is complete: its followers' receivers close.
    pub fn end(&self, id: PipelineId) {
        self.lock().remove(&id);
    }

    /// Follows a log: the receiver changes with every [`publish`](Self::publish) and closes at [`end`](Self::end).
    /// Its value is 0 until the first publish. A log that ended before is not told of: ask the store.
    pub fn subscribe(&self, id: PipelineId) -> watch::Receiver<u64> {
        let mut followed = self.lock();
        followed.retain(|_, sender| !sender.is_closed());
        followed.entry(id).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PipelineId, watch::Sender<u64>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn followers_wake_for_their_log_until_it_ends() {
        let hub = LogHub::new();
        let (id, other) = (PipelineId::generate(), PipelineId::generate());
        let mut first = hub.subscribe(id);
        let mut second = hub.subscribe(id);
        hub.publish(other, 9);
        hub.publish(id, 5);
        for follower in [&mut first, &mut second] {
            follower.changed().await.expect("the log is open");
            assert_eq!(*follower.borrow_and_update(), 5);
            assert!(!follower.has_changed().expect("the log is open"));
        }
        hub.end(id);
        assert!(first.changed().await.is_err());
    }

    #[test]
    fn nothing_is_kept_for_logs_that_nobody_follows() {
        let hub = LogHub::new();
        let id = PipelineId::generate();
        hub.publish(id, 1);
        assert!(hub.lock().is_empty());
        drop(hub.subscribe(id));
        hub.publish(id, 2);
        assert!(hub.lock().is_empty());
        drop(hub.subscribe(id));
        let _other = hub.subscribe(PipelineId::generate());
        assert_eq!(hub.lock().len(), 1);
    }
}
