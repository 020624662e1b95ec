//! Keeps the server in line with what the backend says is deployed.
//!
//! Level-triggered: each round takes the newest list that is known, compares, and begins what is missing; no event has to
//! arrive. A backend that is unreachable, or answers what cannot be read, changes nothing. See [`super::targets`] for why an
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

use contract::{Desired, DesiredModel};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Backend, Loader, Progress};
use crate::{
    access::Access,
    load::LoadError,
    serve::{Place, place_of},
};

/// How often the backend is asked, more or less, in milliseconds. A call that changes something makes it sooner.
const PERIOD_MS: (u64, u64) = (800, 1200);
/// How long the server waits for its first list before it says that it is ready with what it remembers.
const FIRST_LIST_LIMIT: Duration = Duration::from_secs(10);
/// The shortest and the longest pause before a load that failed is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// A version at a place, or the place as a whole.
type Part = (Place, Option<u64>);

/// When what failed is tried again.
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
    access: Arc<Access>,
    backend: Backend,
    /// The newest list.
    list: Option<Desired>,
    /// What is on its way.
    jobs: JoinSet<(Part, Result<(), LoadError>)>,
    busy: BTreeSet<Part>,
    pauses: BTreeMap<Part, Pause>,
    caught_up: Arc<AtomicBool>,
}

impl Reconciler {
    /// `caught_up` becomes true once the server serves what it should, or knows that it cannot.
    pub(crate) fn new((loader, access): (Arc<Loader>, Arc<Access>), backend: Backend, caught_up: Arc<AtomicBool>) -> Self {
        let (jobs, busy, pauses) = (JoinSet::new(), BTreeSet::new(), BTreeMap::new());
        Self { loader, access, backend, list: None, jobs, busy, pauses, caught_up }
    }

    /// Goes on until it is dropped. Loads that it began end by themselves.
    pub(crate) async fn run(mut self) {
        let started = Instant::now();
        loop {
            let held = self.list.as_ref().map_or(0, |list| list.change);
            if let Some(mut list) = self.backend.ask(self.loader.targets.report(), held).await {
                if let Some(access) = list.access.take() {
                    self.access.keys.replace(access).await;
                }
                self.list = Some(list);
            }
            self.advance();
            if self.is_settled() || (self.list.is_none() && started.elapsed() >= FIRST_LIST_LIMIT) {
                self.caught_up.store(true, Ordering::Release);
            }
            tokio::select! {
                () = sleep(period()) => {}
                () = self.loader.changed.notified() => {}
                Some(Ok((part, done))) = self.jobs.join_next() => self.note(part, done.as_ref().err()),
            }
        }
    }

    /// Begins what is to be done and is not on its way.
    fn advance(&mut self) {
        // While models are being brought back nothing is begun: what was served is to serve until what is newer has passed
        // its self-test.
        let restored = self.loader.is_restored();
        if let Some(list) = &self.list {
            let change = list.change;
            for place in self.loader.targets.follow(list).into_iter().filter(|_| restored) {
                let (loader, here) = (Arc::clone(&self.loader), place.clone());
                self.begin((place, None), async move { loader.unload(here, change).await });
            }
        }
        if restored {
            self.begin_loads();
            for place in self.loader.unarranged() {
                let (loader, here) = (Arc::clone(&self.loader), place.clone());
                self.begin((place, None), async move { loader.arrange(here).await });
            }
        }
    }

    /// Begins the loads that nobody has begun, and those that failed long enough ago.
    fn begin_loads(&mut self) {
        let targets = self.loader.targets.all();
        // What is not wanted any more need not be tried again.
        self.pauses.retain(|(place, version), _| {
            let wanted = |version| {
                targets.get(place).is_some_and(|targets| targets.iter().any(|target| target.wanted.load.version == version))
            };
            version.is_none_or(wanted)
        });
        for target in targets.into_values().flatten() {
            let part = (place_of(&target.wanted), Some(target.wanted.load.version));
            match target.progress {
                Progress::Waiting => drop(self.pauses.remove(&part)),
                // Whoever failed, there is a pause.
                Progress::Failed { .. } => drop(self.pauses.entry(part.clone()).or_insert_with(|| Pause::after(0))),
                Progress::Loading | Progress::Ready => continue,
            }
            let (loader, DesiredModel { model_name, load, .. }) = (Arc::clone(&self.loader), target.wanted);
            self.begin(part, async move { loader.load(model_name, load).await.map(drop) });
        }
    }

    /// Begins something, unless it is on its way or it is too early.
    fn begin(&mut self, part: Part, work: impl Future<Output = Result<(), LoadError>> + Send + 'static) {
        let early = self.pauses.get(&part).is_some_and(|pause| Instant::now() < pause.until);
        if !early && self.busy.insert(part.clone()) {
            self.jobs.spawn(async move { (part, work.await) });
        }
    }

    /// Takes note of how it ended.
    fn note(&mut self, part: Part, error: Option<&LoadError>) {
        self.busy.remove(&part);
        match error {
            // What came between is newer, and the next round sees to it.
            None | Some(LoadError::Stale { .. } | LoadError::NotServed) => drop(self.pauses.remove(&part)),
            Some(error) => {
                let pause = Pause::after(self.pauses.get(&part).map_or(0, |pause| pause.failures + 1));
                let ((name, environment), version) = &part;
                tracing::warn!(
                    model.name = %name, model.version = version, %environment, %error, pause_s = pause.length.as_secs(),
                    "not in line with what is deployed"
                );
                self.pauses.insert(part, pause);
            }
        }
    }

    /// Whether nothing is left to be done for what the backend says.
    fn is_settled(&self) -> bool {
        let pending = || self.loader.targets.all().into_values().flatten().any(|target| target.progress.is_pending());
        self.list.is_some() && self.loader.is_restored() && !pending()
    }
}

/// Servers that started together need not ask together.
fn period() -> Duration {
    let (least, most) = PERIOD_MS;
    Duration::from_millis(least + RandomState::new().hash_one(()) % (most - least))
}
