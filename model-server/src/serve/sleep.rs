//! A version's model, which may sleep, and wakes when it is asked.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use contract::{Flavour, ModelManifest, NATIVE_FILE, ONNX_FILE};
use scoring::{Model, PredictError, Runtime};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard},
    task::spawn_blocking,
    time::timeout,
};
use tracing::Instrument;

use super::{Memory, NoMemory, Version, version::Parts};

/// The longest a request waits until its model is awake.
const WAIT: Duration = Duration::from_secs(10);
/// The shortest and the longest pause before a model that could not wake is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// What a process in Python takes before it has read its model, more or less, in bytes.
const INTERPRETER: u64 = 96 << 20;

/// A model that is awake or asleep.
#[derive(Debug)]
pub(super) struct Sleeper {
    model: ArcSwapOption<Model>,
    /// Its files, which were verified.
    folder: PathBuf,
    runtime: Arc<Runtime>,
    memory: Arc<Memory>,
    /// What it takes, or took when it was awake, in bytes; and whether that was measured.
    bytes: AtomicU64,
    measured: AtomicBool,
    /// When it was last asked, by the memory's clock.
    asked: AtomicU64,
    /// Held by whoever wakes it; how it failed before.
    waking: Arc<Mutex<Option<Failure>>>,
    /// What it wakes on, whoever asks it: its processes and their pipes stay there.
    home: Handle,
}

/// A model that could not wake.
#[derive(Debug)]
struct Failure {
    reason: String,
    failures: u32,
    until: Instant,
}

impl Failure {
    /// The next one after another.
    fn after(before: Option<&Self>, reason: String) -> Self {
        let failures = before.map_or(0, |before| before.failures.saturating_add(1));
        let pause = PAUSES.0.saturating_mul(2_u32.saturating_pow(failures)).min(PAUSES.1);
        Self { reason, failures, until: Instant::now() + pause }
    }
}

/// What a model takes, by the size of its files; in bytes.
pub(crate) fn expected_size(manifest: &ModelManifest, runtime: &Runtime) -> u64 {
    let size = |name: &str| manifest.files.get(name).map_or(0, |file| file.size);
    match manifest.flavour {
        Flavour::Native => size(NATIVE_FILE),
        Flavour::Onnx => size(ONNX_FILE).saturating_mul(runtime.threads() as u64),
        Flavour::Python => manifest.files.values().map(|file| file.size).fold(INTERPRETER, u64::saturating_add),
    }
}

impl Sleeper {
    /// One that is asleep.
    pub(super) fn new(parts: &Parts, folder: PathBuf) -> Self {
        let Parts { runtime, memory, manifest, .. } = parts;
        Self {
            model: ArcSwapOption::empty(),
            folder,
            bytes: AtomicU64::new(expected_size(manifest, runtime)),
            measured: AtomicBool::new(false),
            asked: AtomicU64::new(memory.now()),
            waking: Arc::default(),
            home: Handle::current(),
            runtime: Arc::clone(runtime),
            memory: Arc::clone(memory),
        }
    }
}

impl Version {
    /// The model, once it is awake.
    ///
    /// # Errors
    /// When that takes too long, or cannot be.
    pub(super) async fn awake(self: &Arc<Self>) -> Result<Arc<Model>, PredictError> {
        if let Some(model) = self.sleeper.model.load_full() {
            return Ok(model);
        }
        let limit = WAIT.min(self.sleeper.runtime.prediction_limit());
        Box::pin(timeout(limit, self.wake())).await.unwrap_or(Err(PredictError::Waking))
    }

    /// Wakes the model, or waits for whoever does.
    async fn wake(self: &Arc<Self>) -> Result<Arc<Model>, PredictError> {
        let failed = Arc::clone(&self.sleeper.waking).lock_owned().await;
        if let Some(model) = self.sleeper.model.load_full() {
            return Ok(model);
        }
        if let Some(Failure { reason, .. }) = failed.as_ref().filter(|failure| Instant::now() < failure.until) {
            return Err(PredictError::Asleep(reason.clone()));
        }
        // It goes on when whoever asked has gone: others wait for it.
        let version = Arc::clone(self);
        let work = self.sleeper.home.spawn(async move { version.wake_alone(failed).await }.in_current_span());
        work.await.unwrap_or_else(|lost| Err(PredictError::Asleep(lost.to_string())))
    }

    async fn wake_alone(&self, mut failed: OwnedMutexGuard<Option<Failure>>) -> Result<Arc<Model>, PredictError> {
        let Sleeper { memory, folder, runtime, .. } = &self.sleeper;
        let Some(_turn) = memory.turn().await else {
            return Err(PredictError::Asleep("the server is ending".to_owned()));
        };
        // Memory is free again sooner than a model is mended: that needs no pause.
        let room = memory.make_room(self.size()).await.map_err(|none| PredictError::Asleep(none.to_string()))?;
        let started = Model::load(folder, &self.manifest, runtime).await.map_err(|error| error.to_string());
        let started = match started {
            Ok(model) => self.rouse(model).await.map_err(|none| none.to_string()),
            Err(reason) => Err(reason),
        };
        drop(room);
        started
            .inspect(|_| {
                *failed = None;
                tracing::info!(model.name = %self.manifest.model_name, model.version = self.number, "awake");
            })
            .map_err(|reason| {
                tracing::warn!(
                    reason, model.name = %self.manifest.model_name, model.version = self.number,
                    "a model could not wake"
                );
                *failed = Some(Failure::after(failed.as_ref(), reason.clone()));
                PredictError::Asleep(reason)
            })
    }

    /// Has a model answer from now on, unless it takes more than all may.
    pub(crate) async fn rouse(&self, model: Model) -> Result<Arc<Model>, NoMemory> {
        self.decides.get_or_init(|| model.decides());
        self.admission.expect(model.takes(), model.at_once());
        let model = Arc::new(model);
        let weighed = Arc::clone(&model);
        if let Ok(size) = spawn_blocking(move || weighed.memory()).await {
            self.note(size);
        }
        self.sleeper.memory.check(self.size().bytes)?;
        self.touch();
        self.sleeper.model.store(Some(Arc::clone(&model)));
        self.meter.takes(self.size().bytes);
        Ok(model)
    }

    /// Takes the model out, which sleeps once nobody has it in hand.
    pub(super) fn sleep(&self) -> Option<Arc<Model>> {
        let model = self.sleeper.model.swap(None)?;
        self.meter.takes(0);
        tracing::info!(model.name = %self.manifest.model_name, model.version = self.number, "asleep");
        Some(model)
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.sleeper.model.load().is_some()
    }

    /// What the model takes, or would take if it were awake.
    pub(crate) fn size(&self) -> scoring::Memory {
        let Sleeper { bytes, measured, .. } = &self.sleeper;
        scoring::Memory { bytes: bytes.load(Ordering::Relaxed), measured: measured.load(Ordering::Relaxed) }
    }

    /// Measures the model, if it is awake. Blocks for some milliseconds.
    pub(super) fn measure(&self) {
        if let Some(model) = self.sleeper.model.load_full() {
            self.note(model.memory());
            self.meter.takes(self.size().bytes);
        }
    }

    fn note(&self, size: scoring::Memory) {
        // A process that is being started again takes nothing, which is not what it will take.
        if size.bytes > 0 {
            self.sleeper.bytes.store(size.bytes, Ordering::Relaxed);
            self.sleeper.measured.store(size.measured, Ordering::Relaxed);
        }
    }

    /// It was asked just now.
    pub(super) fn touch(&self) {
        self.sleeper.asked.store(self.sleeper.memory.now(), Ordering::Relaxed);
    }

    pub(super) fn last_asked(&self) -> u64 {
        self.sleeper.asked.load(Ordering::Relaxed)
    }
}
