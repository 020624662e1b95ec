//! Reads a followed log's stream, once for all its followers in this process.

use std::{sync::Arc, time::Duration};

use contract::PipelineId;
use redis::{
    Client, FromRedisValue, RedisError, Value,
    streams::{StreamId, StreamRangeReply, StreamReadReply},
};
use tokio::{
    sync::broadcast,
    time::{error::Elapsed, sleep, timeout},
};
use tracing::debug;

use super::{
    super::{LogBatch, News, channels::Channels},
    key,
};
use crate::connection;

/// How long Redis holds a read back for news, and how much longer it may take to answer.
const BLOCK: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(2);
/// How many batches are read at once.
const AT_ONCE: usize = 16;
/// How long to wait before a Redis that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Reads until the log ends or its last follower leaves.
pub(super) async fn run(client: Arc<Client>, channels: Channels, id: PipelineId, feed: broadcast::Sender<News>) {
    let key = key(id);
    loop {
        let read = tokio::select! {
            read = read(&client, &key, &feed) => read,
            () = feed.closed() => {
                if channels.forget(id, &feed) {
                    return;
                }
                continue;
            }
        };
        match read {
            Ok(()) => return channels.end(id, Some(&feed)),
            Err(error) => debug!(pipeline.id = %id, error = %error, "a log cannot be read from Redis now"),
        }
        // The followers read the store meanwhile. Nobody there is found above.
        let _unheard = feed.send(News::Lagged);
        sleep(RETRY).await;
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("no answer in time")]
    Time(#[from] Elapsed),
}

/// Passes on what is added to the stream from now on. `Ok` when the log ended.
async fn read(client: &Client, key: &str, feed: &broadcast::Sender<News>) -> Result<(), Failure> {
    let mut connection = connection::blocking(client).await?;
    let newest = redis::cmd("XREVRANGE").arg(key).arg("+").arg("-").arg("COUNT").arg(1).to_owned();
    let newest: StreamRangeReply = timeout(ANSWER, newest.query_async(&mut connection)).await??;
    let mut after = newest.ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |entry| entry.id);
    // What came before this is in the store.
    let _unheard = feed.send(News::Lagged);
    loop {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(BLOCK.as_millis());
        command.arg("STREAMS").arg(key).arg(&after);
        let reply: Option<StreamReadReply> = timeout(BLOCK + ANSWER, command.query_async(&mut connection)).await??;
        for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids) {
            after.clone_from(&entry.id);
            if entry.map.contains_key("end") {
                return Ok(());
            }
            let news = batch(entry).map_or(News::Lagged, |batch| News::Batch(batch.into()));
            let _unheard = feed.send(news);
        }
    }
}

/// The lines of an entry; `None` if it is none of ours.
fn batch(mut entry: StreamId) -> Option<LogBatch> {
    let last_seq = entry.id.split_once('-')?.0.parse().ok()?;
    let first_seq = u64::from_redis_value(entry.map.remove("first")?).ok()?;
    let Value::BulkString(lines) = entry.map.remove("lines")? else {
        return None;
    };
    LogBatch::parse(first_seq, last_seq, &lines.into())
}
