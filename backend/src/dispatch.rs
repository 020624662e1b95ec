//! Sends tickets to the queue: one for each pipeline that waits for a worker.
//!
//! The store says what waits, so a queue that is away, or that lost everything, costs time and nothing else. Every backend
//! does this; a ticket too many makes a worker look and find nothing.

use std::time::Duration;

use contract::Job;
use service::telemetry;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Backend;

/// How often the store is asked when nobody calls.
const SWEEP: Duration = Duration::from_millis(500);
/// How many tickets are sent at once.
const BATCH: usize = 1000;
/// How long tickets may gather after some were sent.
const GATHER: Duration = Duration::from_millis(30);
/// How long pipelines may wait beside an empty queue before it is taken that their tickets were lost.
const LOST_AFTER: Duration = Duration::from_secs(3);

/// Runs until the process stops.
pub(crate) async fn run(backend: &Backend) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut trouble = Trouble::default();
    let mut watch = Watch::default();
    loop {
        let tick = tokio::select! {
            () = backend.bus.wake.notified() => false,
            _ = ticks.tick() => true,
            () = backend.process.shutdown.cancelled() => return,
        };
        let sent = send_all(backend).await;
        let watched = match sent {
            Ok(()) if tick => watch.look(backend).await,
            sent => sent,
        };
        trouble.note(watched);
    }
}

async fn send_all(backend: &Backend) -> anyhow::Result<()> {
    loop {
        let unsent = backend.store.pipelines.unsent_jobs(BATCH).await?;
        if unsent.is_empty() {
            return Ok(());
        }
        let jobs: Vec<Job> = unsent.iter().map(|&pipeline_id| Job { pipeline_id }).collect();
        backend.bus.queue.send_all(&jobs).await?;
        backend.store.pipelines.mark_sent(&unsent).await?;
        if unsent.len() < BATCH {
            // In a burst, the next ones come together.
            tokio::time::sleep(GATHER).await;
            return Ok(());
        }
    }
}

/// Looks whether tickets were lost: pipelines wait, and no ticket does.
#[derive(Default)]
struct Watch {
    since: Option<Instant>,
}

impl Watch {
    async fn look(&mut self, backend: &Backend) -> anyhow::Result<()> {
        let waiting = backend.bus.queue.waiting().await?;
        telemetry::metrics::queue_depth(waiting);
        // The store is asked only beside an empty queue: to count a long line of pipelines costs it some time.
        let takeable = if waiting == 0 { backend.store.pipelines.takeable().await? } else { 0 };
        if takeable == 0 {
            self.since = None;
            return Ok(());
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() >= LOST_AFTER {
            self.since = None;
            tracing::info!(takeable, "pipelines wait and the queue is empty: their tickets are sent again");
            backend.store.pipelines.resend_all().await?;
        }
        Ok(())
    }
}

/// Says once that something went wrong, and once that it is over.
#[derive(Default)]
struct Trouble {
    since: Option<Instant>,
}

impl Trouble {
    fn note(&mut self, outcome: anyhow::Result<()>) {
        match (outcome, self.since) {
            (Err(error), None) => {
                self.since = Some(Instant::now());
                tracing::warn!(error = format!("{error:#}"), "tickets can't be sent; they will be");
            }
            (Ok(()), Some(since)) => {
                self.since = None;
                tracing::info!(after_seconds = since.elapsed().as_secs(), "tickets are sent again");
            }
            _ => {}
        }
    }
}
