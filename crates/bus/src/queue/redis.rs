//! The queue on Redis: for many processes.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use apalis::{layers::WorkerBuilderExt, prelude::*};
use apalis_redis::{Config, RedisStorage};
use contract::Job;
use futures_util::future::BoxFuture;
use redis::{RedisError, Script, aio::ConnectionManager};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::{JobKind, worker::Crew};
use crate::{BusError, connection};

/// A worker that was not heard of for three times as long is dead, and its jobs are handed out again.
const HEARTBEAT: Duration = Duration::from_secs(2);
const MISSED: usize = 3;
/// How often an idle worker looks for a job.
const POLL: Duration = Duration::from_millis(50);
/// How long sending may take.
const SEND: Duration = Duration::from_secs(3);
/// How many jobs are sent by one call. Redis does nothing else meanwhile, and keeps a processor busy: who shares it waits too.
const SENT: usize = 50;
/// How many jobs are removed by one call.
const BULK: usize = 1000;
/// How often finished jobs are removed.
const PRUNE: Duration = Duration::from_secs(5);
/// How long what Redis knows of a worker outlives it, in seconds.
const WORKER_SECONDS: u64 = 3600;

/// Moves jobs that are due to the waiting ones: the storage sends every job as one to start later, and its own script, at the
/// next fetch, cannot move more than 8,000 at once.
const DUE: &str = r"
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 5000)
if #due > 0 then
    redis.call('RPUSH', KEYS[2], unpack(due))
    redis.call('ZREM', KEYS[1], unpack(due))
end
return #due";

/// Removes finished jobs with all that is kept of them, which the storage never does.
const FORGET: &str = r"
local done = redis.call('SPOP', KEYS[1], ARGV[1])
for _, id in ipairs(done) do
    redis.call('HDEL', KEYS[2], id)
    redis.call('DEL', ARGV[2] .. ':' .. id)
end
return #done";

#[derive(Clone)]
pub(super) struct RedisQueue {
    connection: ConnectionManager,
}

impl fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisQueue").finish_non_exhaustive()
    }
}

impl RedisQueue {
    pub(super) async fn open(url: &str) -> Result<Self, BusError> {
        let queue = Self { connection: connection::lasting(&connection::client(url)?)? };
        timeout(SEND, queue.check()).await.map_err(BusError::unavailable)??;
        Ok(queue)
    }

    pub(super) async fn send_all(&self, kind: JobKind, jobs: &[Job]) -> Result<(), BusError> {
        let sent = async {
            for bulk in jobs.chunks(SENT) {
                self.storage(kind).push_bulk(bulk.to_vec()).await.map_err(BusError::unavailable)?;
                self.start_due(kind).await.map_err(BusError::unavailable)?;
            }
            Ok(())
        };
        timeout(SEND, sent).await.map_err(BusError::unavailable)?
    }

    async fn start_due(&self, kind: JobKind) -> Result<u64, RedisError> {
        let config = config(kind);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Script::new(DUE)
            .key(config.scheduled_jobs_set())
            .key(config.active_jobs_list())
            .arg(now)
            .invoke_async(&mut self.connection.clone())
            .await
    }

    pub(super) async fn waiting(&self, kind: JobKind) -> Result<u64, BusError> {
        let config = config(kind);
        let (active, scheduled): (u64, u64) = redis::pipe()
            .llen(config.active_jobs_list())
            .zcard(config.scheduled_jobs_set())
            .query_async(&mut self.connection.clone())
            .await
            .map_err(BusError::unavailable)?;
        Ok(active + scheduled)
    }

    pub(super) async fn check(&self) -> Result<(), BusError> {
        redis::cmd("PING").query_async(&mut self.connection.clone()).await.map_err(BusError::unavailable)
    }

    /// Runs one worker until it is cancelled or fails.
    pub(super) async fn work_once<H>(&self, kind: JobKind, name: &str, crew: &Crew<H>) -> Result<(), WorkerError>
    where
        H: Fn(Job) -> BoxFuture<'static, ()> + Send + Sync + Clone + 'static,
    {
        let (handlers, watcher) = (crew.clone(), crew.clone());
        let worker = WorkerBuilder::new(name)
            .backend(self.storage(kind).poll_with_interval(POLL))
            .concurrency(crew.concurrency)
            .build(move |job: Job| handlers.clone().handle(job))
            .run_with_ctx(move |worker| watcher.clone().watch(worker));
        tokio::select! {
            ended = worker => ended,
            () = self.prune_often(kind, name) => Ok(()),
        }
    }

    fn storage(&self, kind: JobKind) -> RedisStorage<Job> {
        RedisStorage::new(self.connection.clone()).with_config(config(kind))
    }

    /// Removes finished jobs for as long as it is polled.
    async fn prune_often(&self, kind: JobKind, worker: &str) {
        let mut ticks = interval(PRUNE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.prune(kind, worker).await {
                debug!(error = %error, "finished jobs could not be removed");
            }
        }
    }

    async fn prune(&self, kind: JobKind, worker: &str) -> Result<(), RedisError> {
        let (config, mut connection) = (config(kind), self.connection.clone());
        for finished in [config.done_jobs_set(), config.dead_jobs_set()] {
            let forget = Script::new(FORGET);
            let mut call = forget.key(finished);
            call.key(config.job_data_hash()).arg(BULK).arg(config.job_meta_hash());
            while call.invoke_async::<usize>(&mut connection).await? == BULK {}
        }
        let known = format!("{}:workers:metadata:{worker}", name(kind));
        redis::cmd("EXPIRE").arg(known).arg(WORKER_SECONDS).query_async(&mut connection).await
    }
}

/// What the keys of a queue start with.
fn name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Pipelines => "mlsys:jobs",
        JobKind::Tasks => "mlsys:tasks",
        JobKind::Batches => "mlsys:batches",
    }
}

fn config(kind: JobKind) -> Config {
    // One at a time: a batch would be held by one worker while others idle, and outlive its heartbeats.
    Config::default()
        .queue(name(kind))
        .batch_size(1)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats(MISSED)
        .emit_events(false)
}
