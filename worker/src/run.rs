//! One pipeline in hand: its row, its lease, its log, its folders, and why it may have to stop.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use contract::{Phase, PipelineRecord};
use store::{Lease, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{Worker, error::PhaseError, log::PipelineLog};

/// Why a pipeline in hand stops before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A person asked for it.
    Cancelled,
    /// The lease is another worker's now.
    Lost,
    /// This process is stopping.
    Shutdown,
}

/// One pipeline in hand.
pub(crate) struct Run {
    pub worker: Worker,
    pub record: PipelineRecord,
    pub lease: Lease,
    pub log: PipelineLog,
    /// Cancelled when the pipeline has to stop, for whatever reason.
    pub cancel: CancellationToken,
    cause: OnceLock<Stop>,
}

impl Run {
    /// A pipeline in hand.
    pub fn new(worker: Worker, record: PipelineRecord, lease: Lease, log: PipelineLog, cancel: CancellationToken) -> Self {
        Self { worker, record, lease, log, cancel, cause: OnceLock::new() }
    }

    /// Stops the pipeline; the first cause counts.
    pub fn stop(&self, cause: Stop) {
        let _ = self.cause.set(cause);
        self.cancel.cancel();
    }

    /// Why the pipeline has to stop. A log that lost its lease cancels without naming a cause.
    pub fn stopped(&self) -> Option<Stop> {
        self.cancel.is_cancelled().then(|| *self.cause.get_or_init(|| Stop::Lost))
    }

    /// The error of a phase that found itself cancelled.
    pub fn stop_error(&self) -> PhaseError {
        match self.stopped() {
            Some(Stop::Cancelled) => PhaseError::Cancelled,
            _ => PhaseError::Abandoned,
        }
    }

    /// The pipeline's working folder.
    pub fn directory(&self) -> PathBuf {
        self.worker.config.work_directory.join(self.record.id.to_string())
    }

    /// The repository at the pushed commit.
    pub fn tree(&self) -> PathBuf {
        self.directory().join("tree")
    }

    /// The notebook in the tree.
    pub fn notebook(&self) -> PathBuf {
        self.tree().join(&self.record.notebook_path)
    }

    /// What the execution leaves: the executed notebook, cut outputs, the packaged model.
    pub fn output(&self) -> PathBuf {
        self.directory().join("out")
    }

    /// The packaged model, an MLflow model folder.
    pub fn package(&self) -> PathBuf {
        self.output().join("model")
    }

    /// The executed notebook.
    pub fn executed_notebook(&self) -> PathBuf {
        let name = Path::new(&self.record.notebook_path).file_name().unwrap_or("notebook.ipynb".as_ref());
        self.output().join("notebook").join(name)
    }

    /// What an earlier phase left for the later ones.
    pub async fn checkpoint<T: serde::de::DeserializeOwned>(&self, phase: Phase) -> Result<T, PhaseError> {
        let value = self.worker.store.checkpoint(self.record.id, phase).await?;
        let value = value.ok_or_else(|| PhaseError::Fail(format!("the {phase} phase left no checkpoint")))?;
        serde_json::from_value(value).map_err(|error| PhaseError::Fail(format!("the {phase} phase's checkpoint: {error}")))
    }

    /// Keeps the lease alive and learns of cancellation, until dropped or the pipeline has to stop.
    pub async fn heartbeat(&self, shutdown: &CancellationToken) {
        let ttl = self.worker.config.lease;
        let mut ticks = tokio::time::interval((ttl / 3).min(Duration::from_secs(1)));
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return self.stop(Stop::Shutdown),
            }
            match self.worker.store.renew_lease(&self.lease, ttl).await {
                Ok(state) if state.cancel_requested => self.stop(Stop::Cancelled),
                Ok(_) => renewed = tokio::time::Instant::now(),
                Err(StoreError::Fenced) => return self.stop(Stop::Lost),
                Err(error) => {
                    tracing::warn!(pipeline.id = %self.record.id, %error, "the lease could not be renewed yet");
                    if renewed.elapsed() > ttl {
                        return self.stop(Stop::Lost);
                    }
                }
            }
        }
    }
}
