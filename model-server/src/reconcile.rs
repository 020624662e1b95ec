//! Keeps the server in line with what the backend says is deployed.
//!
//! Level-triggered: each round takes the newest list that is known, compares, and begins what is missing; no event has to
//! arrive. A backend that is away, or answers what cannot be read, changes nothing. See [`crate::targets`] for why an
//! older list cannot undo a newer deployment.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract::Desired;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{backend::Backend, deployed::Place, error::LoadError, loader::Loader, targets::Progress};

/// How often the backend is asked, more or less, in milliseconds. A call that changes something makes it sooner.
const PERIOD_MS: (u64, u64) = (800, 1200);
/// How long the server waits for its first list before it says that it is ready with what it remembers.
const FIRST_LIST_LIMIT: Duration = Duration::from_secs(10);
/// The shortest and the longest pause before a load that failed is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// When a place that failed is tried again.
#[derive(Debug, Clone, Copy)]
struct Pause {
    /// How often it failed again.
    failures: u32,
    length: Duration,
    until: Instant,
}

impl Pause {
    fn after(failures: u32) -> Self {
        let length = PAUSES.0.saturating_mul(2_u32.saturating_pow(failures)).min(PAUSES.1);
        Self { failures, length, until: Instant::now() + length }
    }
}

/// What it takes to follow the backend.
pub(crate) struct Reconciler {
    loader: Arc<Loader>,
    backend: Backend,
    /// The newest list.
    list: Option<Desired>,
    /// Loads and unloads on their way.
    jobs: JoinSet<(Place, Result<(), LoadError>)>,
    busy: BTreeSet<Place>,
    pauses: BTreeMap<Place, Pause>,
    caught_up: Arc<AtomicBool>,
}

impl Reconciler {
    /// `caught_up` becomes true once the server serves what it should, or knows that it cannot.
    pub(crate) fn new(loader: Arc<Loader>, backend: Backend, caught_up: Arc<AtomicBool>) -> Self {
        let (jobs, busy, pauses) = (JoinSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { loader, backend, list: None, jobs, busy, pauses, caught_up }
    }

    /// Goes on until it is dropped. Loads that it began end by themselves.
    pub(crate) async fn run(mut self) {
        let started = Instant::now();
        loop {
            let held = self.list.as_ref().map_or(0, |list| list.change);
            if let Some(list) = self.backend.ask(self.loader.registry.targets.report(), held).await {
                self.list = Some(list);
            }
            self.advance();
            if self.is_settled() || (self.list.is_none() && started.elapsed() >= FIRST_LIST_LIMIT) {
                self.caught_up.store(true, Ordering::Release);
            }
            tokio::select! {
                () = sleep(period()) => {}
                () = self.loader.changed.notified() => {}
                Some(Ok((place, done))) = self.jobs.join_next() => self.note(place, done.as_ref().err()),
            }
        }
    }

    /// Begins what is to be done and is not on its way.
    fn advance(&mut self) {
        // While models are being brought back nothing is begun: what was served is to serve until what is newer is proven.
        let restored = self.loader.is_restored();
        if let Some(list) = &self.list {
            let change = list.change;
            for place in self.loader.registry.targets.follow(list).into_iter().filter(|_| restored) {
                let (loader, here) = (Arc::clone(&self.loader), place.clone());
                self.begin(place, async move { loader.unload(here, change).await });
            }
        }
        if restored {
            self.begin_loads();
        }
    }

    /// Begins the loads that nobody has begun, and those that failed long enough ago.
    fn begin_loads(&mut self) {
        for (place, target) in self.loader.registry.targets.all() {
            match target.progress {
                Progress::Waiting => drop(self.pauses.remove(&place)),
                // Whoever failed, there is a pause.
                Progress::Failed { .. } => drop(self.pauses.entry(place.clone()).or_insert_with(|| Pause::after(0))),
                Progress::Loading | Progress::Ready => continue,
            }
            let (loader, name) = (Arc::clone(&self.loader), place.0.clone());
            self.begin(place, async move { loader.load(name, target.request).await.map(drop) });
        }
    }

    /// Begins a load or an unload, unless one is on its way or it is too early.
    fn begin(&mut self, place: Place, work: impl Future<Output = Result<(), LoadError>> + Send + 'static) {
        let early = self.pauses.get(&place).is_some_and(|pause| Instant::now() < pause.until);
        if !early && self.busy.insert(place.clone()) {
            self.jobs.spawn(async move { (place, work.await) });
        }
    }

    /// Takes note of how a load or an unload ended.
    fn note(&mut self, place: Place, error: Option<&LoadError>) {
        self.busy.remove(&place);
        match error {
            // What came between is newer, and the next round sees to it.
            None | Some(LoadError::Stale { .. } | LoadError::NotServed) => drop(self.pauses.remove(&place)),
            Some(error) => {
                let pause = Pause::after(self.pauses.get(&place).map_or(0, |pause| pause.failures + 1));
                tracing::warn!(
                    model.name = %place.0, environment = %place.1, %error, pause_s = pause.length.as_secs(),
                    "not in line with what is deployed"
                );
                self.pauses.insert(place, pause);
            }
        }
    }

    /// Whether nothing is left to be done for what the backend says.
    fn is_settled(&self) -> bool {
        let pending = |progress: &Progress| matches!(progress, Progress::Waiting | Progress::Loading);
        let targets = self.loader.registry.targets.all();
        self.list.is_some() && self.loader.is_restored() && !targets.values().any(|target| pending(&target.progress))
    }
}

/// Servers that started together need not ask together.
fn period() -> Duration {
    let (least, most) = PERIOD_MS;
    Duration::from_millis(least + RandomState::new().hash_one(()) % (most - least))
}
