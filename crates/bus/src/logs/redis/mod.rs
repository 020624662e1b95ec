//! Logs through Redis: a stream per pipeline, an entry per batch.
//!
//! An entry's identifier is `{last_seq}-0`, so that the lines' own numbers are the cursor, and a repeated batch is refused.
//! Its fields are `first` (the first line's number) and `lines` (a JSON array of the lines). The entry that says that the
//! log ended follows the last batch as `{last_seq}-1`, with the field `end`.

mod reader;
mod sender;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use contract::{LogLine, PipelineId};
use redis::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tracing::debug;

use super::{News, batch::render, channels::Channels};
use crate::{BusError, connection};

/// The most bytes, and the most batches, that wait to be sent.
const OUTBOX_BYTES: usize = 16 << 20;
const OUTBOX: usize = 1024;

#[derive(Clone)]
pub(super) struct RedisHub {
    client: Arc<Client>,
    channels: Channels,
    outbox: mpsc::Sender<Outgoing>,
    room: Arc<Semaphore>,
}

/// What is to be sent.
enum Outgoing {
    Batch { id: PipelineId, first_seq: u64, last_seq: u64, lines: Bytes, _room: OwnedSemaphorePermit },
    End { id: PipelineId },
}

impl fmt::Debug for RedisHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisHub").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl RedisHub {
    pub(super) fn new(url: &str) -> Result<Self, BusError> {
        let client = Arc::new(connection::client(url)?);
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        // Ends with the last clone of this hub.
        tokio::spawn(sender::run(connection::lasting(&client)?, outgoing));
        Ok(Self { client, channels: Channels::default(), outbox, room: Arc::new(Semaphore::new(OUTBOX_BYTES)) })
    }

    pub(super) fn publish(&self, id: PipelineId, lines: &[LogLine]) {
        let Some((first_seq, last_seq, lines)) = render(lines) else {
            return;
        };
        let bytes = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let queued =
            self.room.clone().try_acquire_many_owned(bytes).is_ok_and(|room| {
                self.outbox.try_send(Outgoing::Batch { id, first_seq, last_seq, lines, _room: room }).is_ok()
            });
        if !queued {
            debug!(pipeline.id = %id, last_seq, "no room for log lines on their way to Redis");
        }
    }

    pub(super) fn end(&self, id: PipelineId) {
        if self.outbox.try_send(Outgoing::End { id }).is_err() {
            debug!(pipeline.id = %id, "no room for a log's end on its way to Redis");
        }
    }

    pub(super) fn subscribe(&self, id: PipelineId) -> broadcast::Receiver<News> {
        self.channels.subscribe(id, |feed| {
            // Ends with the last follower.
            tokio::spawn(reader::run(self.client.clone(), self.channels.clone(), id, feed));
        })
    }
}

fn key(id: PipelineId) -> String {
    format!("mlsys:logs:{id}")
}
