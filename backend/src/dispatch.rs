//! Sends jobs to the queue: what was just accepted, at once; what could not be sent, or whose worker died, a little later.
//!
//! The store says what is to be sent, so a queue that is away, or that lost everything, costs time and nothing else.

use std::time::Duration;

use contract::Job;

use crate::Backend;

/// How often the store is asked when nobody calls.
const SWEEP: Duration = Duration::from_secs(2);
/// How many jobs are sent before the store is asked again.
const BATCH: usize = 256;

/// Runs until the process stops.
pub(crate) async fn run(backend: &Backend) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = backend.jobs.notified() => {}
            _ = ticks.tick() => {}
            () = backend.shutdown.cancelled() => return,
        }
        if let Err(error) = send_all(backend).await {
            tracing::warn!(error = format!("{error:#}"), "jobs could not be sent; they will be");
        }
    }
}

async fn send_all(backend: &Backend) -> anyhow::Result<()> {
    loop {
        let unsent = backend.store.unsent_jobs(BATCH).await?;
        for &pipeline_id in &unsent {
            backend.queue.send(Job { pipeline_id }).await?;
        }
        backend.store.mark_sent(&unsent).await?;
        if unsent.len() < BATCH {
            return Ok(());
        }
    }
}
