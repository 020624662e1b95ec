//! Waiting, at the start of a process, for the servers it needs.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep};

use crate::Shutdown;

/// How long a server may take to come up; whoever started the process then starts it again.
const LIMIT: Duration = Duration::from_mins(5);
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls `open` until it succeeds, or fails with what does not heal, or five minutes have passed, or the process is to
/// stop: processes of one installation may start in any order. `what` names the server in the log.
pub async fn when_up<T, E: Display>(
    what: &str,
    shutdown: &Shutdown,
    heals: impl Fn(&E) -> bool,
    mut open: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let deadline = Instant::now() + LIMIT;
    let mut told = false;
    loop {
        let error = match open().await {
            Err(error) if heals(&error) && Instant::now() < deadline && !shutdown.has_begun() => error,
            done => return done,
        };
        if !told {
            tracing::warn!(%error, "waiting for {what}");
            told = true;
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = shutdown.requested() => {}
        }
    }
}
