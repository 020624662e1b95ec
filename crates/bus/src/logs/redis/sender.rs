//! Sends what is published.

use redis::{Pipeline, RedisResult, Value, aio::ConnectionManager};
use tokio::sync::mpsc;
use tracing::warn;

use super::{Outgoing, key};

/// How many batches are sent by one call.
const AT_ONCE: usize = 16;
/// About how many batches a stream keeps. Of 1,000 common lines each, that is less than 64 MB.
const KEPT: usize = 256;
/// How long a stream is kept after its end, or after its last batch if the end got lost.
const KEPT_SECONDS: i64 = 24 * 3600;

/// Appends the entry that says that the log ended, after the last one.
const END: &str = r"
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local first, second = '0', '0'
if last[1] then first, second = string.match(last[1][1], '(%d+)-(%d+)') end
redis.call('XADD', KEYS[1], first .. '-' .. (tonumber(second) + 1), 'end', '1')
return redis.call('EXPIRE', KEYS[1], ARGV[1])";

/// Sends until the hub is gone. What cannot be sent is dropped: it is in the store.
pub(super) async fn run(mut connection: ConnectionManager, mut outgoing: mpsc::Receiver<Outgoing>) {
    let mut taken = Vec::with_capacity(AT_ONCE);
    let mut reached = true;
    while outgoing.recv_many(&mut taken, AT_ONCE).await > 0 {
        // Each on its own: a batch that is there already is refused and changes nothing for the others.
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        for one in &taken {
            add(&mut pipe, one);
        }
        let sent: RedisResult<Value> = pipe.query_async(&mut connection).await;
        if let Err(error) = &sent
            && reached
        {
            warn!(error = %error, "log lines do not reach Redis; their followers read the store");
        }
        reached = sent.is_ok();
        taken.clear();
    }
}

fn add(pipe: &mut Pipeline, one: &Outgoing) {
    match one {
        Outgoing::Batch { id, first_seq, last_seq, lines, .. } => {
            let key = key(*id);
            pipe.cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(KEPT).arg(format!("{last_seq}-0"));
            pipe.arg("first").arg(first_seq).arg("lines").arg(&lines[..]).ignore();
            pipe.expire(key, KEPT_SECONDS).ignore();
        }
        Outgoing::End { id } => {
            pipe.cmd("EVAL").arg(END).arg(1).arg(key(*id)).arg(KEPT_SECONDS).ignore();
        }
    }
}
