//! A pipeline's log: lines get their numbers here, are stored in batches, and only then announced.
//!
//! Writing a line never waits. A follower reads from the store, so it can only see lines that survive a crash, and a
//! slow follower costs the pipeline nothing.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bus::LogHub;
use contract::{LogLine, NewLine, Phase, Stream};
use jiff::Timestamp;
use store::{Lease, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How long lines may gather before they are stored.
const GATHER: Duration = Duration::from_millis(20);
/// How many lines go into the store at once.
const BATCH: usize = 1000;
/// What may wait in memory while the store is unavailable, in bytes of text.
const WAITING_MAX: usize = 256 << 20;
/// What one pipeline's log may hold, in bytes of text.
const LOG_MAX: u64 = 1 << 30;
/// How long to wait before asking a store that is unavailable again.
const STORE_AWAY: Duration = Duration::from_millis(500);

/// A pipeline's log, open for writing. Clones write to the same log.
#[derive(Clone)]
pub(crate) struct PipelineLog(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// The number of the last line stored.
    stored: watch::Sender<u64>,
}

struct Waiting {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
    /// Bytes of text written in all.
    written: u64,
    next_seq: u64,
    phase: Phase,
}

impl PipelineLog {
    /// Opens a log behind its last stored line, and the task that stores what is written. The task ends when `stop`
    /// is cancelled or the lease is lost; in the latter case it cancels `lost`.
    pub async fn open(
        store: Store,
        hub: LogHub,
        lease: Lease,
        lost: CancellationToken,
    ) -> Result<(Self, tokio::task::JoinHandle<()>, CancellationToken), StoreError> {
        let stored = store.pipelines.last_seq(lease.pipeline_id).await?;
        let waiting =
            Waiting { lines: Vec::new(), bytes: 0, dropped: 0, written: 0, next_seq: stored + 1, phase: Phase::Download };
        let shared = Shared { waiting: Mutex::new(waiting), wake: Notify::new(), stored: watch::Sender::new(stored) };
        let log = Self(Arc::new(shared));
        let stop = CancellationToken::new();
        let writer = tokio::spawn(write(log.clone(), store, hub, lease, stop.clone(), lost));
        Ok((log, writer, stop))
    }

    /// Says which phase the following lines belong to.
    pub fn enter(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// A line of mlsys itself.
    pub fn say(&self, text: impl Into<String>) {
        self.write(None, Stream::System, text.into(), None);
    }

    /// A line about what went wrong.
    pub fn error(&self, text: impl Into<String>) {
        self.write(None, Stream::Error, text.into(), None);
    }

    /// A line.
    pub fn write(&self, cell: Option<usize>, stream: Stream, text: String, data: Option<serde_json::Value>) {
        let mut waiting = self.lock();
        let size = text.len() + data.as_ref().map_or(0, |data| data.to_string().len());
        // What mlsys itself says, and how it ended, always has a place.
        if waiting.written > LOG_MAX && !matches!(stream, Stream::System | Stream::Error) {
            return;
        }
        waiting.written += size as u64;
        if waiting.written > LOG_MAX && waiting.written - size as u64 <= LOG_MAX {
            let text = format!("… the log is cut here: the notebook has written more than {} MiB", LOG_MAX >> 20);
            waiting.push(None, Stream::System, text, None, 0);
        }
        if waiting.bytes + size > WAITING_MAX {
            waiting.dropped += 1;
            return;
        }
        if waiting.dropped > 0 {
            let text = format!("… {} lines were lost here: the log's store was unavailable for too long", waiting.dropped);
            waiting.dropped = 0;
            waiting.push(None, Stream::System, text, None, 0);
        }
        waiting.push(cell, stream, text, data, size);
        drop(waiting);
        self.0.wake.notify_one();
    }

    /// Waits until every line written so far is stored, at most `patience`.
    pub async fn flush(&self, patience: Duration) {
        let last = self.lock().next_seq - 1;
        self.0.wake.notify_one();
        let mut stored = self.0.stored.subscribe();
        // A log that can't be stored in time has been reported by its writer.
        drop(tokio::time::timeout(patience, stored.wait_for(|seq| *seq >= last)).await);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<LogLine> {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.lines)
    }
}

impl Waiting {
    fn push(&mut self, cell: Option<usize>, stream: Stream, text: String, data: Option<serde_json::Value>, size: usize) {
        let line = NewLine { at: Timestamp::now(), phase: self.phase, cell, stream, text, data };
        self.lines.push(line.numbered(self.next_seq));
        self.next_seq += 1;
        self.bytes += size;
    }
}

async fn write(log: PipelineLog, store: Store, hub: LogHub, lease: Lease, stop: CancellationToken, lost: CancellationToken) {
    loop {
        tokio::select! {
            () = log.0.wake.notified() => {}
            () = stop.cancelled() => {}
        }
        let stopping = stop.is_cancelled();
        if !stopping {
            tokio::time::sleep(GATHER).await;
        }
        let lines = log.take();
        for batch in lines.chunks(BATCH) {
            if !store_batch(&store, &lease, batch, &stop).await {
                lost.cancel();
                return;
            }
            log.0.stored.send_replace(batch.last().map_or(0, |line| line.seq));
            hub.publish(lease.pipeline_id, batch);
        }
        if stopping && log.lock().lines.is_empty() {
            return;
        }
    }
}

/// Stores a batch, however long the store is unavailable; false when the pipeline is no longer ours, or when the store is
/// away while the log is being closed.
async fn store_batch(store: &Store, lease: &Lease, batch: &[LogLine], stop: &CancellationToken) -> bool {
    loop {
        let Some(first) = batch.first() else { return true };
        match store.pipelines.append_logs(lease, first.seq, batch).await {
            Ok(()) => return true,
            Err(StoreError::Fenced) => return false,
            // An answer that got lost: the batch is stored. Anything else is somebody else's log.
            Err(StoreError::Conflict) => {
                let last = store.pipelines.last_seq(lease.pipeline_id).await.ok();
                return last == batch.last().map(|line| line.seq);
            }
            Err(error) => {
                tracing::warn!(pipeline.id = %lease.pipeline_id, %error, "log lines could not be stored yet");
                if stop.is_cancelled() {
                    return false;
                }
                tokio::time::sleep(STORE_AWAY).await;
            }
        }
    }
}
