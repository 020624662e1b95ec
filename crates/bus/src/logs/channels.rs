//! The followers in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::PipelineId;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use super::News;

/// How many batches a follower may be behind the newest one.
const BEHIND: usize = 64;

/// A channel per followed log; nothing for the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Channels {
    followed: Arc<Mutex<HashMap<PipelineId, Sender<News>>>>,
}

impl Channels {
    /// A receiver of a log's news. `first` is called with the channel's sender if the log was not followed.
    pub(super) fn subscribe(&self, id: PipelineId, first: impl FnOnce(Sender<News>)) -> Receiver<News> {
        let mut followed = self.lock();
        if let Some(sender) = followed.get(&id) {
            return sender.subscribe();
        }
        let (sender, receiver) = channel(BEHIND);
        followed.insert(id, sender.clone());
        first(sender);
        receiver
    }

    /// Where a log's followers are reached, if there are any.
    pub(super) fn followed(&self, id: PipelineId) -> Option<Sender<News>> {
        let mut followed = self.lock();
        let sender = followed.get(&id)?;
        if sender.receiver_count() == 0 {
            followed.remove(&id);
            return None;
        }
        Some(sender.clone())
    }

    /// Ends a log's feeds; if `only` is given, those of that channel.
    pub(super) fn end(&self, id: PipelineId, only: Option<&Sender<News>>) {
        let mut followed = self.lock();
        let ended = match only {
            None => followed.remove(&id),
            Some(sender) => {
                followed.get(&id).is_some_and(|known| known.same_channel(sender)).then(|| followed.remove(&id)).flatten()
            }
        };
        if let Some(ended) = ended {
            // Feeds end with the channel; this frees those who hold a clone of its sender, too.
            let _unheard = ended.send(News::Ended);
        }
    }

    /// Forgets a channel that nobody listens to any more. False if somebody does.
    pub(super) fn forget(&self, id: PipelineId, sender: &Sender<News>) -> bool {
        let mut followed = self.lock();
        if sender.receiver_count() > 0 {
            return false;
        }
        if followed.get(&id).is_some_and(|known| known.same_channel(sender)) {
            followed.remove(&id);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PipelineId, Sender<News>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
