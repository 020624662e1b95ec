//! Retention: removes what is older than the settings keep, a little at a time.
//!
//! Rows go first, and what they left elsewhere is removed by a task that is written with them: a row never refers to files
//! that are gone. Nobody waits long for it: each write has as many rows as take some milliseconds, and as long as it took,
//! others have their turn.
//!
//! What it never removes is told by the store: see `kept` there.

pub mod environments;
mod pace;
mod settings;

use std::time::Duration;

use contract::PipelineId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::{Cursor, Ended, Store, StoreError, VersionCursor};

use self::pace::Pace;
pub use self::settings::{RetentionSettings, SETTINGS};
use super::{Progress, TaskError, batch, schedule};
use crate::Worker;

/// How long ended tasks are kept.
const TASKS: Duration = Duration::from_hours(7 * 24);
/// How long keys are listed after their end.
const ENDED_KEYS: Duration = Duration::from_hours(30 * 24);
/// How many versions or pipelines go by one write.
const BATCH: usize = 25;

/// How many bytes of logs go by one write, if their rows are alike.
const LOG_BYTES: u64 = 4 << 20;

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Versions that nothing deploys, with their files.
    pub versions: u64,
    /// Whole pipelines.
    pub pipelines: u64,
    /// Pipelines that lost their log and executed notebook, those that went whole among them.
    pub logs: u64,
    /// How many bytes of logs and notebooks.
    pub log_bytes: u64,
    /// Webhook deliveries.
    pub deliveries: u64,
    /// Ended tasks.
    pub tasks: u64,
    /// Entries of the audit log.
    pub audit: u64,
}

impl Removed {
    /// How many megabytes of logs and notebooks, for people.
    pub fn log_megabytes(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let bytes = self.log_bytes as f64;
        bytes / 1e6
    }
}

/// What the task does.
pub(super) async fn run(worker: &Worker, progress: &Progress) -> Result<Value, TaskError> {
    let tell = |removed: &Removed| drop(progress.send_replace(serde_json::to_value(removed).ok()));
    let batches = batch::forget(worker).await?;
    if batches > 0 {
        tracing::info!(batches, "batch predictions of long ago were forgotten");
    }
    schedule::forget(worker).await?;
    let removed = sweep(&worker.store, &worker.config.tuning.retention, true, tell).await?;
    serde_json::to_value(removed).map_err(|error| TaskError::Fail(error.to_string()))
}

/// Removes what is older than the settings keep; or, if it is not to `apply`, only counts it. `tell` hears how far it is.
///
/// What only counts does not count pipelines that may go because their versions do.
///
/// # Errors
/// When the store fails. What was removed by then is removed.
pub async fn sweep(
    store: &Store,
    settings: &RetentionSettings,
    apply: bool,
    tell: impl FnMut(&Removed),
) -> Result<Removed, StoreError> {
    let started = std::time::Instant::now();
    let kept = store.retention.rollback_pipelines(settings.deployments).await?;
    let mut sweep = Sweep { store, settings, apply, kept, tell, pace: Pace::default(), removed: Removed::default() };
    sweep.versions().await?;
    sweep.pipelines().await?;
    sweep.history().await?;
    sweep.access().await?;
    while apply && sweep.give_back().await? > 0 {}
    let removed = sweep.removed;
    if apply {
        let Removed { versions, pipelines, logs, log_bytes, deliveries, tasks, audit } = removed;
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(
            versions,
            pipelines,
            logs,
            log_bytes,
            deliveries,
            tasks,
            audit,
            seconds,
            "retention has removed what is old"
        );
    }
    Ok(removed)
}

struct Sweep<'a, T> {
    store: &'a Store,
    settings: &'a RetentionSettings,
    apply: bool,
    /// Pipelines that rollbacks lead to.
    kept: Vec<PipelineId>,
    tell: T,
    pace: Pace,
    removed: Removed,
}

impl<T: FnMut(&Removed)> Sweep<'_, T> {
    async fn versions(&mut self) -> Result<(), StoreError> {
        let Some(before) = self.ago(self.settings.versions).await? else { return Ok(()) };
        let (retention, deployments) = (&self.store.retention, self.settings.deployments);
        let mut from = Some(VersionCursor::default());
        while let Some(cursor) = from {
            let (old, next) = retention.old_versions(&cursor, before, deployments, &self.kept).await?;
            for some in old.chunks(BATCH) {
                self.removed.versions += if self.apply {
                    self.paced(retention.remove_versions(some, deployments, self.settings.mlflow_runs)).await?
                } else {
                    some.len() as u64
                };
                (self.tell)(&self.removed);
            }
            from = next;
        }
        Ok(())
    }

    async fn pipelines(&mut self) -> Result<(), StoreError> {
        let (retention, deployments) = (&self.store.retention, self.settings.deployments);
        let beyond = match self.settings.pipelines_count {
            0 => None,
            count => retention.end_before_last(count).await?.map(just_after),
        };
        let whole_before = self.ago(self.settings.pipelines).await?.max(beyond).unwrap_or(Timestamp::MIN);
        let beyond = match self.settings.log_bytes {
            0 => None,
            bytes => retention.end_before_log_bytes(bytes).await?.map(just_after),
        };
        let logs_before = self.ago(self.settings.logs).await?.max(beyond).unwrap_or(Timestamp::MIN);
        let before = whole_before.max(logs_before);
        let mut from = (before > Timestamp::MIN).then_some(Cursor::START);
        while let Some(cursor) = from {
            let (ended, next) = retention.ended_pipelines(&cursor, before, deployments, &self.kept).await?;
            let goes = |one: &Ended| one.whole && one.at < whole_before;
            let logs: Vec<_> = ended.iter().filter(|one| one.log_rows > 0 && (one.at < logs_before || goes(one))).collect();
            for some in logs.chunks(BATCH) {
                self.remove_logs(some).await?;
            }
            let whole: Vec<_> = ended.iter().filter(|one| goes(one)).map(|one| one.id).collect();
            for some in whole.chunks(BATCH) {
                self.remove_pipelines(some).await?;
            }
            from = next;
        }
        Ok(())
    }

    async fn remove_logs(&mut self, ended: &[&Ended]) -> Result<(), StoreError> {
        let ids: Vec<_> = ended.iter().map(|one| one.id).collect();
        let (retention, deployments) = (&self.store.retention, self.settings.deployments);
        let (rows, bytes) = ended.iter().fold((0, 0), |sum, one| (sum.0 + one.log_rows, sum.1 + one.log_bytes));
        let most = u32::try_from(LOG_BYTES.saturating_mul(rows) / bytes.max(1)).unwrap_or(u32::MAX).max(1);
        while self.apply {
            let rows = self.pace.logs.size().min(most);
            let removed = self.pace.logs.time(retention.remove_logs(&ids, deployments, rows)).await?;
            self.give_back().await?;
            if removed == 0 {
                break;
            }
        }
        self.removed.logs += ids.len() as u64;
        self.removed.log_bytes += bytes;
        (self.tell)(&self.removed);
        Ok(())
    }

    async fn remove_pipelines(&mut self, ids: &[PipelineId]) -> Result<(), StoreError> {
        let (deployments, runs) = (self.settings.deployments, self.settings.mlflow_runs);
        self.removed.pipelines += if self.apply {
            self.paced(self.store.retention.remove_pipelines(ids, deployments, runs)).await?
        } else {
            ids.len() as u64
        };
        (self.tell)(&self.removed);
        Ok(())
    }

    async fn history(&mut self) -> Result<(), StoreError> {
        let retention = &self.store.retention;
        if let Some(before) = self.ago(self.settings.deliveries).await? {
            if !self.apply {
                self.removed.deliveries = retention.old_deliveries(before).await?;
                return Ok(());
            }
            loop {
                let rows = self.pace.history.size();
                let removed = self.pace.history.time(retention.remove_deliveries(before, rows)).await?;
                self.give_back().await?;
                self.removed.deliveries += removed;
                if removed == 0 {
                    break;
                }
            }
        }
        let before = retention.ago(TASKS).await?;
        while self.apply {
            let rows = self.pace.history.size();
            let removed = self.pace.history.time(retention.remove_tasks(before, rows)).await?;
            self.removed.tasks += removed;
            if removed == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn access(&mut self) -> Result<(), StoreError> {
        let retention = &self.store.retention;
        if let Some(before) = self.ago(self.settings.audit).await? {
            if !self.apply {
                self.removed.audit = retention.old_audit_entries(before).await?;
            }
            while self.apply {
                let rows = self.pace.history.size();
                let removed = self.pace.history.time(retention.remove_audit_entries(before, rows)).await?;
                self.give_back().await?;
                self.removed.audit += removed;
                if removed == 0 {
                    break;
                }
            }
        }
        let before = retention.ago(ENDED_KEYS).await?;
        while self.apply {
            let rows = self.pace.history.size();
            if self.pace.history.time(retention.remove_ended_access(before, rows)).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The moment that was so long ago; `None` of what is kept for ever.
    async fn ago(&self, age: Option<Duration>) -> Result<Option<Timestamp>, StoreError> {
        match age {
            Some(age) => self.store.retention.ago(age).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes a write, gives back what it left free, and lets others have their turn after each.
    async fn paced<R>(&mut self, write: impl Future<Output = Result<R, StoreError>>) -> Result<R, StoreError> {
        let done = self.pace.given.time(write).await?;
        self.give_back().await?;
        Ok(done)
    }

    async fn give_back(&mut self) -> Result<u64, StoreError> {
        let pages = self.pace.pages.size();
        self.pace.pages.time(self.store.retention.give_back(pages)).await
    }
}

/// The moment after the end of what goes by its number or size, for comparisons with `<`.
fn just_after(end: Timestamp) -> Timestamp {
    end.saturating_add(jiff::SignedDuration::from_millis(1)).unwrap_or(end)
}
