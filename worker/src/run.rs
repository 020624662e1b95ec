//! One pipeline in hand: its row, its lease, its log, its folders, and why it may have to stop.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use contract::{Phase, PhaseStatus, PipelineRecord};
use serde_json::Value;
use store::{Lease, StoreError};
use tokio::time::{Instant, sleep};
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
    /// The next phase is run by another process.
    HandedOver,
}

/// How long to wait before asking a store that is unavailable again: doubled from the first to the last.
const STORE_AWAY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long the store may be away before a pipeline in hand is let go.
const STORE_PATIENCE: Duration = Duration::from_mins(10);
/// How many leases may pass without a word from the store before a worker takes it that it is the one cut off.
const LEASES_WITHOUT_WORD: u32 = 4;

/// One pipeline in hand.
pub(crate) struct Run {
    pub worker: Worker,
    pub record: PipelineRecord,
    pub lease: Lease,
    pub log: PipelineLog,
    /// Cancelled when the pipeline has to stop, for whatever reason.
    pub cancel: CancellationToken,
    /// Cancelled when this process is to stop: the phase in hand has some grace, and no other begins.
    pub shutdown: CancellationToken,
    cause: OnceLock<Stop>,
}

impl Run {
    /// A pipeline in hand.
    pub fn new(
        worker: Worker,
        (record, lease): (PipelineRecord, Lease),
        log: PipelineLog,
        (cancel, shutdown): (CancellationToken, CancellationToken),
    ) -> Self {
        Self { worker, record, lease, log, cancel, shutdown, cause: OnceLock::new() }
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

    /// Asks the store, again and again while it is unavailable: what a phase has done must not be done twice because the store
    /// could not hear of it at once.
    pub async fn durably<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let (deadline, mut wait) = (Instant::now() + STORE_PATIENCE, STORE_AWAY.0);
        loop {
            let error = match ask().await {
                Err(error @ StoreError::Unavailable(_)) if Instant::now() < deadline => error,
                done => return done,
            };
            if self.stopped() == Some(Stop::Lost) {
                return Err(error);
            }
            tracing::warn!(%error, "the store is unavailable; it is asked again");
            sleep(wait).await;
            wait = (wait * 2).min(STORE_AWAY.1);
        }
    }

    /// Ends a phase, durably.
    pub async fn end_phase(
        &self,
        phase: Phase,
        status: PhaseStatus,
        error: Option<&str>,
        checkpoint: Option<&Value>,
    ) -> Result<(), StoreError> {
        let store = &self.worker.store;
        self.durably(|| store.pipelines.finish_phase(&self.lease, phase, status, error, checkpoint)).await
    }

    /// Records what became known of the pipeline, durably.
    pub async fn describe(&self, description: store::Description) -> Result<(), StoreError> {
        let store = &self.worker.store;
        self.durably(|| store.pipelines.describe(&self.lease, description.clone())).await
    }

    /// Makes sure, right before something is changed outside of the store, that the pipeline is still ours: a worker that
    /// was paused through its lease finds out here.
    pub async fn ensure_held(&self) -> Result<(), StoreError> {
        let (store, ttl) = (&self.worker.store, self.worker.config.tuning.lease);
        self.durably(|| store.pipelines.renew_lease(&self.lease, ttl)).await.map(drop)
    }

    /// Removes the working folder.
    pub async fn remove_folder(&self) {
        if let Err(error) = tokio::fs::remove_dir_all(self.directory()).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the working folder could not be removed");
        }
    }

    /// The pipeline's working folder.
    pub fn directory(&self) -> PathBuf {
        self.worker.folder().join(self.record.id.to_string())
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
        let store = &self.worker.store;
        let value = self.durably(|| store.pipelines.checkpoint(self.record.id, phase)).await?;
        let value = value.ok_or_else(|| PhaseError::Fail(format!("the {phase} phase left no checkpoint")))?;
        serde_json::from_value(value).map_err(|error| PhaseError::Fail(format!("the {phase} phase's checkpoint: {error}")))
    }

    /// Keeps the lease alive and learns of cancellation, until dropped or the pipeline has to stop.
    pub async fn heartbeat(&self) {
        let tuning = &self.worker.config.tuning;
        let mut ticks = tokio::time::interval((tuning.lease / 3).min(Duration::from_secs(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let out_of_grace = async {
            self.shutdown.cancelled().await;
            sleep(tuning.grace).await;
        };
        tokio::pin!(out_of_grace);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut out_of_grace => return self.stop(Stop::Shutdown),
            }
            match self.worker.store.pipelines.renew_lease(&self.lease, tuning.lease).await {
                Ok(state) if state.cancel_requested => self.stop(Stop::Cancelled),
                Ok(_) => heard = Instant::now(),
                Err(StoreError::Fenced) => return self.stop(Stop::Lost),
                // A store that is unavailable is so for all: nobody else can take the pipeline, so its work goes on.
                Err(error) => {
                    tracing::warn!(pipeline.id = %self.record.id, %error, "the lease could not be renewed yet");
                    if heard.elapsed() > tuning.lease * LEASES_WITHOUT_WORD {
                        return self.stop(Stop::Lost);
                    }
                }
            }
        }
    }
}
