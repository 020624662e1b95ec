//! Promotions, rollbacks and shares of requests, as this process carries them out: each in a task that goes on when whoever asked has gone; and
//! changes that another process could not bring to their end.

use std::time::Duration;

use contract::{Environment, ModelName};
use rollout::{RolledOut, RolloutError};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::Instrument;

use crate::Backend;

/// How often a backend looks for changes that were cut off.
const SWEEP: Duration = Duration::from_secs(5);
/// How long changes in hand may go on once the process is to stop.
const GRACE: Duration = Duration::from_secs(20);

/// What a person asks for.
#[derive(Debug)]
pub(crate) enum Order {
    /// Takes a version over into the environment that follows.
    Promote { model: ModelName, version: u64, from: Environment, to: Environment },
    /// Goes back to what was deployed before.
    RollBack { model: ModelName, environment: Environment },
}

/// Makes a change.
pub(crate) async fn make(backend: &Backend, order: Order) -> Result<RolledOut, RolloutError> {
    let rollout = backend.models.rollout.clone();
    let change = async move {
        match &order {
            Order::Promote { model, version, from, to } => rollout.promote(model, *version, from, to).await,
            Order::RollBack { model, environment } => rollout.roll_back(model, environment).await,
        }
    };
    to_its_end(backend, change).await
}

/// Carries a change out, to its end also when whoever asked has gone.
pub(crate) async fn to_its_end<T: Send + 'static>(
    backend: &Backend,
    change: impl Future<Output = Result<T, RolloutError>> + Send + 'static,
) -> Result<T, RolloutError> {
    let span = tracing::Span::current();
    // It broke: its lock runs out, and tells what is left to be done.
    backend.models.changes.spawn(change.instrument(span)).await.unwrap_or(Err(RolloutError::Unsettled))
}

/// Brings changes that were cut off to their end, until the process stops; then waits for those in hand.
pub(crate) async fn run(backend: &Backend) {
    let (changes, shutdown) = (&backend.models.changes, &backend.process.shutdown);
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => break,
        }
        let rollout = backend.models.rollout.clone();
        let finished = changes.spawn(async move { rollout.finish_one().await });
        tokio::select! {
            finished = finished => if let Ok(Err(error)) = finished {
                tracing::debug!(%error, "the store can't say whether a change was cut off");
            },
            () = shutdown.cancelled() => break,
        }
    }
    changes.close();
    if timeout(GRACE, changes.wait()).await.is_err() {
        tracing::warn!("a change of what is deployed did not end in time; the next backend brings it to its end");
    }
}
