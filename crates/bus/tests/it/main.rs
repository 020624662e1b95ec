//! The queue through its public face, over a real file.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bus::Queue;
use contract::{Job, PipelineId};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(30);

fn job() -> Job {
    Job { pipeline_id: PipelineId::generate() }
}

/// A queue with one worker on it.
struct World {
    queue: Queue,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.db");
        Self { queue: Queue::open_sqlite(&path).await.unwrap(), path, _directory: directory }
    }

    fn work<H>(&self, concurrency: usize, handler: H) -> Worker
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        work(self.queue.clone(), concurrency, handler)
    }
}

struct Worker {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    async fn stop(self) {
        self.cancel.cancel();
        timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

fn work<H>(queue: Queue, concurrency: usize, handler: H) -> Worker
where
    H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
{
    let cancel = CancellationToken::new();
    let task = tokio::spawn({
        let cancel = cancel.clone();
        async move { queue.work("test", concurrency, cancel, handler).await.unwrap() }
    });
    Worker { cancel, task }
}

/// A handler that tells of every job it gets.
fn teller() -> (impl Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone, mpsc::UnboundedReceiver<Job>) {
    let (tell, told) = mpsc::unbounded_channel();
    let handler = move |job| {
        let tell = tell.clone();
        async move { tell.send(job).unwrap() }.boxed()
    };
    (handler, told)
}

async fn next(told: &mut mpsc::UnboundedReceiver<Job>) -> Job {
    timeout(DEADLINE, told.recv()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_handled_once_by_one_of_two_workers() {
    let world = World::new().await;
    let seen: Arc<Mutex<HashMap<PipelineId, usize>>> = Arc::default();
    let (counted, count) = (seen.clone(), Arc::new(Semaphore::new(0)));
    let done = count.clone();
    let handler = move |job: Job| {
        *counted.lock().unwrap().entry(job.pipeline_id).or_default() += 1;
        done.add_permits(1);
        futures_util::future::ready(()).boxed()
    };
    let workers = [world.work(2, handler.clone()), world.work(2, handler)];
    let jobs: Vec<Job> = (0..40).map(|_| job()).collect();
    for job in &jobs {
        world.queue.send(*job).await.unwrap();
    }
    let _all = timeout(DEADLINE, count.acquire_many(40)).await.unwrap().unwrap();
    for worker in workers {
        worker.stop().await;
    }
    let expected = jobs.iter().map(|job| (job.pipeline_id, 1)).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_job_sent_before_the_queue_was_opened_again_is_handled() {
    let world = World::new().await;
    let sent = job();
    world.queue.send(sent).await.unwrap();
    let (handler, mut told) = teller();
    let worker = work(Queue::open_sqlite(&world.path).await.unwrap(), 1, handler);
    assert_eq!(next(&mut told).await, sent);
    worker.stop().await;

    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    let second = job();
    world.queue.send(second).await.unwrap();
    assert_eq!(next(&mut told).await, second, "the first is done");
    worker.stop().await;
}

#[tokio::test]
async fn a_handler_that_panics_takes_nothing_with_it() {
    let world = World::new().await;
    let bad = job();
    let (handler, mut told) = teller();
    let worker = world.work(1, move |job| {
        assert!(job != bad, "a bug in the handler");
        handler(job)
    });
    let panicking_future = job();
    world.queue.send(bad).await.unwrap();
    world.queue.send(panicking_future).await.unwrap();
    assert_eq!(next(&mut told).await, panicking_future);
    worker.stop().await;
}

#[tokio::test]
async fn a_cancelled_worker_finishes_what_it_runs_and_takes_nothing_new() {
    let world = World::new().await;
    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let finished = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (started, go_on, finished) = (started.clone(), go_on.clone(), finished.clone());
        move |_| {
            let (started, go_on, finished) = (started.clone(), go_on.clone(), finished.clone());
            async move {
                started.notify_one();
                go_on.notified().await;
                finished.fetch_add(1, Ordering::SeqCst);
            }
            .boxed()
        }
    };
    let mut worker = world.work(1, handler);
    let (first, second) = (job(), job());
    world.queue.send(first).await.unwrap();
    timeout(DEADLINE, started.notified()).await.unwrap();
    world.queue.send(second).await.unwrap();
    worker.cancel.cancel();
    assert!(timeout(Duration::from_millis(300), &mut worker.task).await.is_err(), "it waits for its handler");
    go_on.notify_one();
    timeout(DEADLINE, worker.task).await.unwrap().unwrap();
    assert_eq!(finished.load(Ordering::SeqCst), 1);

    let (handler, mut told) = teller();
    let next_worker = world.work(1, handler);
    assert_eq!(next(&mut told).await, second);
    next_worker.stop().await;
}

#[tokio::test]
async fn no_more_handlers_run_at_once_than_allowed() {
    let world = World::new().await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (handler, mut told) = teller();
    let worker = {
        let (running, most) = (running.clone(), most.clone());
        world.work(2, move |job| {
            let (running, most, tell) = (running.clone(), most.clone(), handler(job));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(60)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                tell.await;
            }
            .boxed()
        })
    };
    for _ in 0..6 {
        world.queue.send(job()).await.unwrap();
    }
    for _ in 0..6 {
        next(&mut told).await;
    }
    worker.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_worker_whose_database_fails_starts_again() {
    let world = World::new().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    let first = job();
    world.queue.send(first).await.unwrap();
    assert_eq!(next(&mut told).await, first);

    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}", world.path.display())).await.unwrap();
    sqlx::query("ALTER TABLE Jobs RENAME TO Hidden").execute(&other).await.unwrap();
    assert!(world.queue.send(job()).await.is_err());
    sqlx::query("ALTER TABLE Hidden RENAME TO Jobs").execute(&other).await.unwrap();

    let second = job();
    world.queue.send(second).await.unwrap();
    assert_eq!(next(&mut told).await, second);
    worker.stop().await;
}

#[tokio::test]
async fn how_long_an_idle_worker_takes_to_pick_a_job_up() {
    let world = World::new().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    world.queue.send(job()).await.unwrap();
    next(&mut told).await;
    let mut took = Vec::new();
    for _ in 0..20 {
        let sent = Instant::now();
        world.queue.send(job()).await.unwrap();
        next(&mut told).await;
        took.push(sent.elapsed());
    }
    worker.stop().await;
    took.sort();
    eprintln!("pick-up: median {:?}, worst {:?}", took[10], took[19]);
}
