//! Keeps one model's process going, and hands it one request after the other.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc::Receiver, oneshot};

use super::{Launch, child::Child, frame};
use crate::{PredictError, Prediction, Spent};

/// The shortest and the longest pause before a process that died again is started again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// A request that waits for the process.
pub(super) struct Ask {
    /// As [`frame::request`] makes it.
    pub(super) request: Vec<u8>,
    /// When it began to wait.
    pub(super) asked: Instant,
    pub(super) reply: oneshot::Sender<Result<Prediction, PredictError>>,
}

/// Serves requests until nobody can send any more; then the process is killed.
pub(super) async fn drive(launch: Launch, mut child: Child, mut asks: Receiver<Ask>) {
    // Deaths since the last answer.
    let mut deaths = 0;
    while let Some(reason) = serve(&mut child, &mut asks, launch.limit, &mut deaths).await {
        let reason = child.over_limit().unwrap_or(reason);
        child.kill().await;
        tracing::warn!(reason, deaths, model.folder = %launch.folder.display(), "a model's process died");
        match restart(&launch, &mut asks, &mut deaths).await {
            Some(next) => child = next,
            None => return,
        }
    }
    child.kill().await;
}

/// Serves requests until the process has died or must die, and says why; `None` when nobody can send any more.
async fn serve(child: &mut Child, asks: &mut Receiver<Ask>, limit: Duration, deaths: &mut u32) -> Option<String> {
    for id in 1.. {
        let ask = tokio::select! {
            ask = asks.recv() => ask?,
            ended = child.ended() => return Some(ended.map_or_else(|error| error.to_string(), |status| status.to_string())),
        };
        // Whoever asked may have gone while the request waited.
        if ask.reply.is_closed() {
            continue;
        }
        let began = Instant::now();
        let (answered, fate) = match tokio::time::timeout(limit, child.ask(id, &ask.request)).await {
            Ok(Ok(frame)) => match frame::answer(&frame, id) {
                Some(answered) => (answered, None),
                None => (Err(PredictError::Restarting), Some("it broke the protocol".to_owned())),
            },
            Ok(Err(error)) => (Err(PredictError::Restarting), Some(error.to_string())),
            Err(_) => (Err(PredictError::TimedOut), Some("it took too long".to_owned())),
        };
        let spent = Spent { waiting: began - ask.asked, computing: began.elapsed() };
        // Nobody may be waiting any more, and that is fine.
        let _ = ask.reply.send(answered.map(|output| Prediction { output, more: None, spent }));
        if fate.is_some() {
            return fate;
        }
        *deaths = 0;
    }
    None
}

/// Starts the process again, at once after the first death and with growing pauses after more. Requests are turned away
/// meanwhile. `None` when nobody can send any more.
async fn restart(launch: &Launch, asks: &mut Receiver<Ask>, deaths: &mut u32) -> Option<Child> {
    loop {
        let pause = match *deaths {
            0 => Duration::ZERO,
            more => PAUSES.0.saturating_mul(2_u32.saturating_pow(more - 1)).min(PAUSES.1),
        };
        *deaths = deaths.saturating_add(1);
        let mut attempt = pin!(async {
            tokio::time::sleep(pause).await;
            Child::start(launch).await
        });
        let started = loop {
            tokio::select! {
                started = &mut attempt => break started,
                ask = asks.recv() => drop(ask?.reply.send(Err(PredictError::Restarting))),
            }
        };
        // A failure was logged where it happened.
        if let Ok(child) = started {
            return Some(child);
        }
    }
}
