//! Logs, live: lines that are in the store go to those who follow the log.

mod batch;
mod channels;
mod redis;

use contract::{LogLine, PipelineId};
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub use self::batch::LogBatch;
use self::{channels::Channels, redis::RedisHub};
use crate::BusError;

/// Passes the lines of logs on to their followers, in this process or through Redis. Clones share it.
///
/// A batch may get lost, but a follower misses nothing when it subscribes, reads the store to its end, takes batches for as
/// long as each continues the one before, and reads the store again whenever one does not, at [`News::Lagged`], and every few
/// seconds anyway.
#[derive(Debug, Clone)]
pub struct LogHub {
    through: Through,
}

#[derive(Debug, Clone)]
enum Through {
    Memory(Channels),
    Redis(RedisHub),
}

/// What a follower hears.
#[derive(Debug, Clone)]
pub enum News {
    /// The next lines, in most cases.
    Batch(std::sync::Arc<LogBatch>),
    /// Something may have been missed: read the store.
    Lagged,
    /// The log ended, or this feed of it: look at the store. Whoever goes on following subscribes again.
    Ended,
}

/// One follower's feed of a log.
#[derive(Debug)]
pub struct LogFeed {
    news: Receiver<News>,
}

impl LogFeed {
    /// Waits for news; nothing is lost when the wait is given up. After [`News::Ended`] it answers that again.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Ok(news) => news,
            Err(RecvError::Lagged(_)) => News::Lagged,
            Err(RecvError::Closed) => News::Ended,
        }
    }
}

impl LogHub {
    /// A hub of this process.
    pub fn in_memory() -> Self {
        Self { through: Through::Memory(Channels::default()) }
    }

    /// A hub of all processes that use the Redis at `url`, which need not be there yet. Call it in a Tokio runtime.
    pub fn redis(url: &str) -> Result<Self, BusError> {
        Ok(Self { through: Through::Redis(RedisHub::new(url)?) })
    }

    /// Passes on consecutive lines (about 1,000 at most) that are in the store. Does not wait: where the followers cannot be
    /// reached now, they find the lines in the store.
    pub fn publish(&self, id: PipelineId, lines: &[LogLine]) {
        match &self.through {
            Through::Memory(channels) => {
                if let Some(followers) = channels.followed(id)
                    && let Some(batch) = LogBatch::render(lines)
                {
                    // Nobody listens any more: nothing to do.
                    let _unheard = followers.send(News::Batch(batch.into()));
                }
            }
            Through::Redis(hub) => hub.publish(id, lines),
        }
    }

    /// Says that the log is complete and its end is in the store. It may be opened again by further lines.
    pub fn end(&self, id: PipelineId) {
        match &self.through {
            Through::Memory(channels) => channels.end(id, None),
            Through::Redis(hub) => hub.end(id),
        }
    }

    /// Follows a log from now on. That it ended before is not told: ask the store, after this.
    pub fn subscribe(&self, id: PipelineId) -> LogFeed {
        let news = match &self.through {
            Through::Memory(channels) => channels.subscribe(id, |_| ()),
            Through::Redis(hub) => hub.subscribe(id),
        };
        LogFeed { news }
    }
}
