//! Python environments that nothing uses, on this machine: each worker removes its own, because no other can.
//!
//! What is in use is held by whoever uses it, a kernel or a model-server, and stays. So does what a version is served in,
//! also one that is not deployed now: a rollback may lead to it.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use python::{Environments, Kept, Removal};
use serde::Serialize;
use store::Store;
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::RetentionSettings;
use crate::Worker;

/// How often they are looked through.
const PERIOD: Duration = Duration::from_hours(1);
/// How long one is kept after its last use, however much they take: what was trained in it may not be registered yet.
const FRESH: Duration = Duration::from_hours(24);

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RemovedEnvironments {
    /// How many.
    pub count: u64,
    /// What their files took.
    pub bytes: u64,
}

/// Removes them for as long as it is polled.
pub(crate) async fn keep_swept(worker: Worker) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match sweep(&worker.store, &worker.environments, &worker.config.tuning.retention, true).await {
            Ok(RemovedEnvironments { count: 0, .. }) => {}
            Ok(RemovedEnvironments { count, bytes }) => {
                tracing::info!(count, bytes, "Python environments that nothing uses were removed");
            }
            Err(error) => tracing::warn!(error = format!("{error:#}"), "Python environments could not be removed yet"),
        }
    }
}

/// Removes the environments of this machine that are older or more than the settings keep; or, if it is not to `apply`, only
/// counts them, also such as are in use at this moment.
///
/// # Errors
/// When the store can't say what is needed, or files can't be removed.
pub async fn sweep(
    store: &Store,
    environments: &Environments,
    settings: &RetentionSettings,
    apply: bool,
) -> anyhow::Result<RemovedEnvironments> {
    let listed = environments.clone();
    let kept = spawn_blocking(move || listed.kept()).await?.context("the Python environments")?;
    // Asked after they were listed: what is registered from now on was made in one that is fresh.
    let needed = store.serving.python_environments().await?;
    let mut removed = RemovedEnvironments::default();
    for one in unused(kept, &needed, settings, SystemTime::now()) {
        let (environments, id) = (environments.clone(), one.id.clone());
        let gone = !apply || spawn_blocking(move || environments.remove(&id)).await?.context(one.id)? == Removal::Removed;
        if gone {
            removed.count += 1;
            removed.bytes += one.bytes;
        }
    }
    Ok(removed)
}

/// Those that may go, the one that was not in use for longest first.
fn unused(mut kept: Vec<Kept>, needed: &BTreeSet<String>, settings: &RetentionSettings, now: SystemTime) -> Vec<Kept> {
    kept.sort_by_key(|one| one.last_used);
    let mut bytes: u64 = kept.iter().map(|one| one.bytes).sum();
    let (age, most) = (settings.python_environments, settings.python_environment_bytes);
    kept.retain(|one| {
        let unused = now.duration_since(one.last_used).unwrap_or_default();
        let too_old = age.is_some_and(|age| unused > age);
        let too_many = most > 0 && bytes > most && unused > FRESH;
        let goes = !needed.contains(&one.id) && (too_old || too_many);
        if goes {
            bytes -= one.bytes;
        }
        goes
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Environments `a` to `e`, of 10 GB each, last used so many hours ago.
    fn kept(hours: [u64; 5]) -> Vec<Kept> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(10_000);
        let one = |(id, hours): (&str, u64)| Kept {
            id: id.to_owned(),
            bytes: 10_000_000_000,
            last_used: now - Duration::from_hours(hours),
        };
        ["a", "b", "c", "d", "e"].into_iter().zip(hours).map(one).collect()
    }

    fn going(hours: [u64; 5], needed: &[&str], (days, gigabytes): (&str, &str)) -> String {
        let given = [("RETENTION_PYTHON_ENVIRONMENT_DAYS", days), ("RETENTION_PYTHON_ENVIRONMENT_GB", gigabytes)];
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let settings = RetentionSettings::read(&given, &mut service::Check::default());
        let needed = needed.iter().map(|id| (*id).to_owned()).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(10_000);
        unused(kept(hours), &needed, &settings, now).into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn what_is_old_goes_and_of_what_is_too_much_the_oldest_but_never_what_is_needed_or_fresh() {
        for (hours, needed, settings, expected) in [
            ([10, 100, 800, 900, 1000], &[][..], ("30", "0"), "edc"),
            ([10, 100, 800, 900, 1000], &["d"], ("30", "0"), "ec"),
            ([10, 100, 800, 900, 1000], &[], ("0", "0"), ""),
            ([10, 100, 800, 900, 1000], &[], ("0", "30"), "ed"),
            ([10, 100, 800, 900, 1000], &["e"], ("0", "30"), "dc"),
            ([1, 2, 3, 4, 30], &[], ("0", "10"), "e"),
            ([1, 2, 3, 4, 5], &[], ("0", "1"), ""),
        ] {
            assert_eq!(going(hours, needed, settings), expected, "{hours:?} {needed:?} {settings:?}");
        }
    }
}
