//! One back-end under test, and what tests do with it.

use std::time::Duration;

use bus::{JobKind, LogHub, Queue};
use contract::{Job, PipelineId};
use futures_util::{FutureExt, future::BoxFuture};
use testkit::Redis;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

pub const DEADLINE: Duration = Duration::from_secs(30);

/// A queue and a hub.
pub struct World {
    pub queue: Queue,
    pub url: String,
    pub hub: LogHub,
    server: Option<Redis>,
    _directory: tempfile::TempDir,
}

impl World {
    pub async fn embedded() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("queue.db").display());
        Self { queue: Queue::open(&url).await.unwrap(), url, hub: LogHub::in_memory(), server: None, _directory: directory }
    }

    pub async fn redis() -> Self {
        let server = tokio::task::block_in_place(Redis::start);
        let url = server.url();
        Self {
            queue: Queue::open(&url).await.unwrap(),
            hub: LogHub::redis(&url).unwrap(),
            url,
            server: Some(server),
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn server(&self) -> &Redis {
        self.server.as_ref().unwrap()
    }

    /// Starts the killed server again.
    pub fn restart(&self) {
        tokio::task::block_in_place(|| self.server().start());
    }

    /// Asks the server itself one command.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    /// The hub as another process has it.
    pub fn other_hub(&self) -> LogHub {
        if self.server.is_some() { LogHub::redis(&self.url).unwrap() } else { self.hub.clone() }
    }

    pub fn work<H>(&self, concurrency: usize, handler: H) -> Worker
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        work(self.queue.clone(), concurrency, handler)
    }

    pub async fn send(&self, job: Job) {
        self.queue.send_all(&[job]).await.unwrap();
    }
}

pub struct Worker {
    pub cancel: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Worker {
    pub async fn stop(self) {
        self.cancel.cancel();
        timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

pub fn work<H>(queue: Queue, concurrency: usize, handler: H) -> Worker
where
    H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
{
    let cancel = CancellationToken::new();
    let task = tokio::spawn({
        let cancel = cancel.clone();
        async move { queue.work(JobKind::Pipelines, "test", concurrency, cancel, handler).await.unwrap() }
    });
    Worker { cancel, task }
}

pub fn job() -> Job {
    Job::Pipeline(PipelineId::generate())
}

/// A handler that tells of every job it gets.
pub fn teller() -> (impl Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone, mpsc::UnboundedReceiver<Job>) {
    let (tell, told) = mpsc::unbounded_channel();
    let handler = move |job| {
        let tell = tell.clone();
        async move {
            // The test may be over.
            let _unheard = tell.send(job);
        }
        .boxed()
    };
    (handler, told)
}

pub async fn next(told: &mut mpsc::UnboundedReceiver<Job>) -> Job {
    timeout(DEADLINE, told.recv()).await.unwrap().unwrap()
}

/// Waits until a job is told of, whatever was told before.
pub async fn told_of(told: &mut mpsc::UnboundedReceiver<Job>, job: Job) {
    while next(told).await != job {}
}
