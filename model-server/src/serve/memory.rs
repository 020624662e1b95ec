//! How much memory models may take together. Where it is not enough for all, those that were asked least recently sleep: their
//! files stay here, and they wake when they are asked.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use scoring::{Memory as Size, Model};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
    time::MissedTickBehavior,
};

use super::Version;

/// How long a model was not asked before another one may wake in its place: two that don't fit together take turns no
/// faster than this.
const IDLE: Duration = Duration::from_secs(3);
/// How many models wake at once; it is heavy work.
const AT_ONCE: usize = 2;
/// How often processes are measured, whose memory grows and shrinks.
const PERIOD: Duration = Duration::from_secs(5);

/// Why a model has to go on sleeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoMemory {
    #[error("it takes {} MB, more than all models may (MODEL_SERVER_MEMORY_MB={})", .needed.div_ceil(1 << 20), .budget >> 20)]
    TooLarge { needed: u64, budget: u64 },
    #[error("there is no memory for it while others are asked (MODEL_SERVER_MEMORY_MB={}); try again", .budget >> 20)]
    InUse { budget: u64 },
}

/// What all models may take, and which there are.
#[derive(Debug)]
pub(crate) struct Memory {
    /// In bytes; none: no limit.
    budget: Option<u64>,
    table: Mutex<Table>,
    /// A permit for each model that may wake.
    wakers: Semaphore,
    started: Instant,
}

#[derive(Debug, Default)]
struct Table {
    versions: Vec<Weak<Version>>,
    /// What is set aside for models on their way, in bytes.
    reserved: u64,
}

impl Table {
    /// The versions that there are and are awake, and what they and those on their way take.
    fn awake(&mut self) -> (Vec<Arc<Version>>, u64) {
        self.versions.retain(|version| version.strong_count() > 0);
        let awake: Vec<_> = self.versions.iter().filter_map(Weak::upgrade).filter(|version| version.is_awake()).collect();
        let taken = self.reserved + awake.iter().map(|version| version.size().bytes).sum::<u64>();
        (awake, taken)
    }
}

/// Memory that is set aside for a model on its way.
#[derive(Debug)]
pub(crate) struct Room<'m> {
    memory: &'m Memory,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.memory.table().reserved -= self.bytes;
    }
}

impl Memory {
    /// A budget in bytes; none: no limit.
    pub(crate) fn new(budget: Option<u64>) -> Self {
        Self { budget, table: Mutex::default(), wakers: Semaphore::new(AT_ONCE), started: Instant::now() }
    }

    /// Milliseconds that only grow.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Counts a version from now on, until it is dropped.
    pub(crate) fn enter(&self, version: &Arc<Version>) {
        self.table().versions.push(Arc::downgrade(version));
    }

    /// Whether a model can be awake beside those that are.
    pub(crate) fn fits(&self, bytes: u64) -> bool {
        self.budget.is_none_or(|budget| self.table().awake().1.saturating_add(bytes) <= budget)
    }

    /// Whether a model can be awake alone.
    pub(crate) fn check(&self, needed: u64) -> Result<(), NoMemory> {
        match self.budget {
            Some(budget) if needed > budget => Err(NoMemory::TooLarge { needed, budget }),
            _ => Ok(()),
        }
    }

    /// No model wakes any more.
    pub(crate) fn close(&self) {
        self.wakers.close();
    }

    /// The right to wake, once few others do; none when the server ends.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.wakers.acquire().await.ok()
    }

    /// Sets memory aside for a model that is to wake. Others sleep where they must: those that nobody is asking, and nobody
    /// has asked for some seconds. Where those are not enough, nothing changes.
    pub(super) async fn make_room(&self, size: Size) -> Result<Room<'_>, NoMemory> {
        if size.measured {
            self.check(size.bytes)?;
        }
        // What is only expected to take more than there is may take less.
        let needed = self.budget.map_or(size.bytes, |budget| size.bytes.min(budget));
        let (room, gone) = {
            let mut table = self.table();
            let (awake, taken) = table.awake();
            let excess = self.excess(taken.saturating_add(needed));
            let (chosen, freed) = self.choose(awake, excess, IDLE);
            if let Some(budget) = self.budget.filter(|_| freed < excess) {
                return Err(NoMemory::InUse { budget });
            }
            table.reserved += needed;
            (Room { memory: self, bytes: needed }, put_to_sleep(&chosen))
        };
        release(gone).await;
        Ok(room)
    }

    /// Sets memory aside for a model that is being deployed, which has to show that it answers. What nobody is asking at this
    /// moment sleeps, as far as it is of use.
    pub(crate) async fn clear_for(&self, needed: u64) -> Room<'_> {
        self.table().reserved += needed;
        let room = Room { memory: self, bytes: needed };
        self.shrink(Duration::ZERO).await;
        room
    }

    /// Has models sleep until the others are within the budget, if there are enough that were not asked for so long.
    pub(crate) async fn shrink(&self, idle: Duration) {
        let gone = {
            let mut table = self.table();
            let (awake, taken) = table.awake();
            put_to_sleep(&self.choose(awake, self.excess(taken), idle).0)
        };
        release(gone).await;
    }

    /// Measures models for as long as it is not dropped, and keeps them within the budget.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let awake = self.table().awake().0;
            // Reading what the system says of a process blocks.
            let measured = spawn_blocking(move || awake.iter().for_each(|version| version.measure()));
            if measured.await.is_err() {
                tracing::error!("models could not be measured");
            }
            self.shrink(IDLE).await;
        }
    }

    fn excess(&self, taken: u64) -> u64 {
        self.budget.map_or(0, |budget| taken.saturating_sub(budget))
    }

    /// Those that may sleep, the least recently asked first, until so much would be free; and what would be.
    fn choose(&self, mut awake: Vec<Arc<Version>>, excess: u64, idle: Duration) -> (Vec<Arc<Version>>, u64) {
        let (now, idle) = (self.now(), u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
        awake.retain(|version| !version.is_asked() && now.saturating_sub(version.last_asked()) >= idle);
        awake.sort_by_key(|version| Reverse(version.last_asked()));
        let (mut chosen, mut freed) = (Vec::new(), 0_u64);
        while freed < excess
            && let Some(version) = awake.pop()
        {
            freed = freed.saturating_add(version.size().bytes);
            chosen.push(version);
        }
        (chosen, freed)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_to_sleep(chosen: &[Arc<Version>]) -> Vec<Arc<Model>> {
    chosen.iter().filter_map(|version| version.sleep()).collect()
}

/// To give back much memory takes a while.
async fn release(models: Vec<Arc<Model>>) {
    if !models.is_empty() && spawn_blocking(move || drop(models)).await.is_err() {
        tracing::error!("a model could not be put to sleep");
    }
}
