//! Versions that compute what others have answered, for comparing. Nobody waits for them: what there is no room for is left
//! out and counted, and whatever comes of the rest is only counted, too. Each has a thread of its own, which computes while a
//! processor has nothing else to do.

use std::{
    sync::{Arc, OnceLock, Weak},
    thread,
    time::{Duration, Instant},
};

use metrics::{Counter, counter, histogram};
use scoring::{Batch, Output, PredictError};
use service::telemetry::metrics::{MODEL_SHADOW_DROPPED, MODEL_SHADOW_DURATION, MODEL_SHADOW_ERRORS, MODEL_SHADOW_ROWS};
use tokio::{
    runtime,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, mpsc::error::TryRecvError},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Version, agreement};

/// How many requests may wait for one shadow.
const WAITING: usize = 256;
/// How much they may hold together, in KiB.
const ROOM: usize = 32 * 1024;
/// How long a shadow rests when none is left.
const REST: Duration = Duration::from_millis(1);
/// The longest that a shadow may take for a request.
const LIMIT: Duration = Duration::from_secs(5);

/// Reads a request's rows as a version takes them.
type Read = Box<dyn Fn(&Version) -> Result<Batch, String> + Send + Sync>;

/// A request that was answered.
pub(crate) struct Answered {
    /// It may go while this waits.
    by: Weak<Version>,
    output: Output,
    read: Read,
    /// How much it holds, in KiB.
    size: u32,
}

impl Answered {
    /// `size`: how much it holds, in bytes.
    pub(crate) fn new(by: &Arc<Version>, output: Output, size: usize, read: Read) -> Self {
        Self { by: Arc::downgrade(by), output, read, size: u32::try_from(size / 1024 + 1).unwrap_or(u32::MAX) }
    }
}

type Waiting = (Arc<Answered>, OwnedSemaphorePermit);

/// A version that computes, one after the other, what others have answered; until this is dropped.
#[derive(Debug)]
pub(crate) struct Shadow {
    version: Arc<Version>,
    waiting: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    /// Counts what is left out, once something is.
    left_out: OnceLock<Counter>,
    _work: DropGuard,
}

impl Shadow {
    pub(super) fn begin(version: Arc<Version>) -> Self {
        let (waiting, requests) = mpsc::channel(WAITING);
        let (stop, of) = (CancellationToken::new(), Arc::clone(&version));
        let stopped = stop.clone();
        let begun = thread::Builder::new().name("shadow".to_owned()).spawn(move || {
            stand_back();
            // Of its own: the threads that compute what takes long inherit how far this one stands back, and clients' must not.
            match runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build() {
                Ok(own) => drop(own.block_on(stopped.run_until_cancelled(work(of, requests)))),
                Err(error) => tracing::warn!(%error, "a shadow can't begin: what it is asked is left out"),
            }
        });
        if let Err(error) = begun {
            tracing::warn!(%error, "a shadow can't begin: what it is asked is left out");
        }
        Self { version, waiting, room: Arc::new(Semaphore::new(ROOM)), left_out: OnceLock::new(), _work: stop.drop_guard() }
    }

    pub(super) fn is_of(&self, version: &Arc<Version>) -> bool {
        Arc::ptr_eq(&self.version, version)
    }

    /// Whether there is room for another request: what is kept of one costs time. One that there is none for is left out.
    pub(super) fn has_room(&self) -> bool {
        let has_room = self.waiting.capacity() > 0 && self.room.available_permits() > 0;
        if !has_room {
            self.leave_out();
        }
        has_room
    }

    /// Has it compute a request as well, if there is room.
    pub(crate) fn ask(&self, answered: Arc<Answered>) {
        let room = Arc::clone(&self.room).try_acquire_many_owned(answered.size);
        if !room.is_ok_and(|room| self.waiting.try_send((answered, room)).is_ok()) {
            self.leave_out();
        }
    }

    fn leave_out(&self) {
        self.left_out.get_or_init(|| left_out(&self.version)).increment(1);
    }
}

/// Has this thread run only where a processor is idle. The lowest priority would not do: such a thread keeps the processor to the
/// end of its time, while one that answers waits; an idle one's is taken away at once.
/// See `sched(7)`, `SCHED_IDLE`; other systems have no such thing.
#[cfg(target_os = "linux")]
fn stand_back() {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};

    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let thread = thread_priority::thread_native_id();
    if let Err(error) = thread_priority::set_thread_priority_and_policy(thread, ThreadPriority::Min, idle) {
        tracing::debug!(%error, "a shadow has the priority of those that answer");
    }
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}

/// The next request. Who answers would wake this thread for each; so it looks again by itself before it waits to be woken.
async fn next(requests: &mut mpsc::Receiver<Waiting>) -> Option<Waiting> {
    match requests.try_recv() {
        Ok(next) => return Some(next),
        Err(TryRecvError::Disconnected) => return None,
        // The thread is this shadow's own.
        Err(TryRecvError::Empty) => thread::sleep(REST),
    }
    requests.recv().await
}

async fn work(version: Arc<Version>, mut requests: mpsc::Receiver<Waiting>) {
    let mut is_told = false;
    while let Some((answered, _room)) = next(&mut requests).await {
        // A version that was replaced is not held back by those who would compare with it.
        let Some(by) = answered.by.upgrade() else {
            left_out(&version).increment(1);
            continue;
        };
        let began = Instant::now();
        let computed = timeout(LIMIT, compute(&version, &answered)).await.unwrap_or(Err(PredictError::TimedOut));
        let [model, number] = labels(&version);
        histogram!(MODEL_SHADOW_DURATION, "model" => model, "version" => number).record(began.elapsed());
        let compared = match computed {
            Ok(output) => compare((&by, &answered), (&version, &output)),
            Err(error) => Err(error),
        };
        match compared {
            Ok((agreeing, rows)) => {
                rows_counted(&version, "true", agreeing);
                rows_counted(&version, "false", rows - agreeing);
            }
            Err(error) => {
                let [model, number] = labels(&version);
                counter!(MODEL_SHADOW_ERRORS, "model" => model.clone(), "version" => number).increment(1);
                if !is_told {
                    tracing::warn!(model.name = model, model.version = version.number, %error, "a shadow does not answer");
                }
                is_told = true;
            }
        }
    }
}

/// Rows are read here, not where requests are: that may take long, or go wrong.
async fn compute(version: &Arc<Version>, answered: &Answered) -> Result<Output, PredictError> {
    let read = (answered.read)(version).map_err(PredictError::BadInput)?;
    Ok(version.compute(read).await?.output)
}

/// How many rows agree, and of how many.
fn compare(
    (by, answered): (&Version, &Answered),
    (version, output): (&Version, &Output),
) -> Result<(u64, u64), PredictError> {
    let compared = agreement::count((&by.manifest, &answered.output), (&version.manifest, output));
    compared.ok_or_else(|| PredictError::Failed("it gives another number of rows, or what can't be read".to_owned()))
}

fn labels(version: &Version) -> [String; 2] {
    [version.manifest.model_name.to_string(), version.number.to_string()]
}

/// What never happened has no series.
fn rows_counted(version: &Version, agrees: &'static str, rows: u64) {
    if rows > 0 {
        let [model, number] = labels(version);
        counter!(MODEL_SHADOW_ROWS, "model" => model, "version" => number, "agrees" => agrees).increment(rows);
    }
}

fn left_out(version: &Version) -> Counter {
    let [model, number] = labels(version);
    counter!(MODEL_SHADOW_DROPPED, "model" => model, "version" => number)
}
