//! Sends jobs to the queue: one for each pipeline and each task that waits for a worker.
//!
//! The store says what waits, so a queue that is unavailable, or that lost everything, costs time and nothing else. Every backend
//! does this; a job too many makes a worker look and find nothing. It is no task itself: tasks need it to be sent.

use std::time::Duration;

use bus::JobKind;
use contract::Job;
use service::telemetry;
use store::TaskJob;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Backend;

/// How often the store is asked when nobody calls: while there is work, and else.
const SWEEP: Duration = Duration::from_millis(500);
const IDLE_SWEEP: Duration = Duration::from_secs(2);
/// How soon after one look for tasks the next is when somebody calls.
const TASKS: Duration = Duration::from_millis(50);
/// How many jobs are sent at once.
const BATCH: usize = 1000;
/// How long jobs may gather after some were sent.
const GATHER: Duration = Duration::from_millis(30);
/// How long pipelines may wait beside an empty queue before it is taken that their jobs were lost.
const LOST_AFTER: Duration = Duration::from_secs(3);

/// Runs until the process stops.
pub(crate) async fn run(backend: &Backend) {
    let mut trouble = Trouble::default();
    let mut watch = Watch::default();
    let (mut looked, mut wait) = (Instant::now(), SWEEP);
    let mut tasks_sent = looked;
    loop {
        tokio::select! {
            () = backend.bus.wake.notified() => wait = SWEEP,
            () = sleep_until(looked + wait) => {}
            () = backend.process.shutdown.cancelled() => return,
        }
        let mut done = send_pipelines(backend).await;
        // What can wait: pushes come first.
        if looked.elapsed() < wait && tasks_sent.elapsed() >= TASKS {
            tasks_sent = Instant::now();
            done = match done {
                Ok(sent) => send_tasks(backend).await.map(|found| sent || found),
                failed => failed,
            };
        }
        if looked.elapsed() >= wait {
            (looked, tasks_sent) = (Instant::now(), Instant::now());
            done = match done {
                Ok(sent) => send_tasks_and_look(backend, &mut watch).await.map(|found| sent || found),
                failed => failed,
            };
            wait = if matches!(done, Ok(false)) { IDLE_SWEEP } else { SWEEP };
        }
        trouble.note(done.map(drop));
    }
}

/// Whether anything waits.
async fn send_tasks_and_look(backend: &Backend, watch: &mut Watch) -> anyhow::Result<bool> {
    Ok(send_tasks(backend).await? | watch.look(backend).await?)
}

/// Whether any was sent.
async fn send_pipelines(backend: &Backend) -> anyhow::Result<bool> {
    let mut sent = false;
    loop {
        let unsent = backend.store.pipelines.unsent_jobs(BATCH).await?;
        if unsent.is_empty() {
            return Ok(sent);
        }
        sent = true;
        let jobs: Vec<Job> = unsent.iter().copied().map(Job::Pipeline).collect();
        backend.bus.queue.send_all(&jobs).await?;
        backend.store.pipelines.mark_sent(&unsent).await?;
        if unsent.len() < BATCH {
            // In a burst, the next ones come together.
            sleep(GATHER).await;
            return Ok(sent);
        }
    }
}

/// Sends the jobs of tasks that are due; whether there were any. Where there are more than a batch, the others follow with
/// the next look.
async fn send_tasks(backend: &Backend) -> anyhow::Result<bool> {
    let unsent = backend.store.tasks.unsent_jobs(BATCH).await?;
    if unsent.is_empty() {
        return Ok(false);
    }
    let job = |task: &TaskJob| if task.batch { Job::Batch(task.id) } else { Job::Task(task.id) };
    let jobs: Vec<Job> = unsent.iter().map(job).collect();
    backend.bus.queue.send_all(&jobs).await?;
    backend.store.tasks.mark_sent(&unsent).await?;
    Ok(true)
}

/// Looks whether jobs were lost: pipelines or tasks wait, and none of their jobs does.
#[derive(Default)]
struct Watch {
    pipelines: Waiting,
    tasks: Waiting,
    batches: Waiting,
}

/// Since when something waits beside an empty queue.
#[derive(Default)]
struct Waiting(Option<Instant>);

impl Watch {
    /// Whether anything waits.
    async fn look(&mut self, backend: &Backend) -> anyhow::Result<bool> {
        let (pipelines, tasks) = (&backend.store.pipelines, &backend.store.tasks);
        let waiting = backend.bus.queue.waiting(JobKind::Pipelines).await?;
        telemetry::metrics::queue_depth(waiting);
        // The store is asked only beside an empty queue: to count a long line of pipelines costs it some time.
        let takeable = if waiting == 0 { pipelines.takeable().await? } else { 0 };
        if self.pipelines.too_long(takeable) {
            tracing::info!(takeable, "pipelines wait and the queue is empty: their jobs are sent again");
            pipelines.resend_all().await?;
        }
        let mut some_due = false;
        for (kind, batch, line) in [(JobKind::Tasks, false, &mut self.tasks), (JobKind::Batches, true, &mut self.batches)] {
            let due = if backend.bus.queue.waiting(kind).await? == 0 { tasks.due(batch).await? } else { 0 };
            some_due |= due > 0;
            if line.too_long(due) {
                tracing::info!(due, "tasks wait and the queue is empty: their jobs are sent again");
                tasks.resend_all().await?;
            }
        }
        Ok(waiting > 0 || takeable > 0 || some_due)
    }
}

impl Waiting {
    /// Whether so many have waited for too long by now.
    fn too_long(&mut self, waiting: u64) -> bool {
        if waiting == 0 {
            self.0 = None;
            return false;
        }
        let lost = self.0.get_or_insert_with(Instant::now).elapsed() >= LOST_AFTER;
        if lost {
            self.0 = None;
        }
        lost
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
                tracing::warn!(error = format!("{error:#}"), "jobs can't be sent; they will be");
            }
            (Ok(()), Some(since)) => {
                self.since = None;
                tracing::info!(after_seconds = since.elapsed().as_secs(), "jobs are sent again");
            }
            _ => {}
        }
    }
}
