//! What a worker is on either back-end: it starts again when it fails, and its handlers outlive it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use apalis::prelude::{BoxDynError, WorkerContext, WorkerError};
use contract::Job;
use futures_util::future::BoxFuture;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

/// How long a worker that failed waits before it starts again: doubled from the first to the last, and the first again after
/// it ran for so long.
pub(super) const RESTART: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
const STEADY: Duration = Duration::from_secs(10);
/// How often a worker is asked whether it still runs.
const WATCH: Duration = Duration::from_secs(1);

/// The handlers of one `work`, whichever worker fetched their jobs.
#[derive(Clone)]
pub(super) struct Crew<H> {
    handler: H,
    pub(super) concurrency: usize,
    running: TaskTracker,
    slots: Arc<Semaphore>,
    pub(super) cancel: CancellationToken,
}

impl<H> Crew<H>
where
    H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
{
    pub(super) fn new(concurrency: usize, cancel: CancellationToken, handler: H) -> Self {
        let slots = Arc::new(Semaphore::new(concurrency));
        Self { handler, concurrency, running: TaskTracker::new(), slots, cancel }
    }

    /// Waits after a worker ended that ran for so long; answers how long to wait the next time.
    pub(super) async fn pause(&self, error: String, ran: Duration, wait: Duration) -> Duration {
        if self.cancel.is_cancelled() {
            return wait;
        }
        let wait = if ran > STEADY { RESTART.0 } else { wait };
        warn!(error, wait_ms = wait.as_millis(), "the queue's worker ended and starts again");
        let _cancelled = self.cancel.run_until_cancelled(sleep(wait)).await;
        (wait * 2).min(RESTART.1)
    }

    /// Waits for the handlers that run.
    pub(super) async fn finish(self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Handles a job. An error means that the job was not touched.
    pub(super) async fn handle(self, job: Job) -> Result<(), BoxDynError> {
        // Handlers of a worker that failed still have their slots.
        let Some(Ok(slot)) = self.cancel.run_until_cancelled(self.slots.acquire_owned()).await else {
            return Err("the worker stops".into());
        };
        // In a task of its own, a handler outlives a worker that fails, and its panic ends there.
        let task = self.running.spawn(async move {
            let _slot = slot;
            (self.handler)(job).await;
        });
        if let Err(panic) = task.await {
            error!(?job, error = %panic, "a job's handler panicked");
        }
        Ok(())
    }

    /// What runs beside a worker: stops it when cancelled, and ends when it has stopped by itself.
    pub(super) async fn watch(self, worker: WorkerContext) -> Result<(), WorkerError> {
        loop {
            tokio::select! {
                () = self.cancel.cancelled() => return worker.stop(),
                () = sleep(WATCH) => if !worker.is_running() {
                    return Ok(());
                }
            }
        }
    }
}

/// A name that no worker had before: the queue refuses one whose last heartbeat is too recent.
pub(super) fn unique(name: &str) -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{name}-{}-{now}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed))
}
