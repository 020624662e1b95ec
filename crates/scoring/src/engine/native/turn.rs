//! A request's turn to have a thread, on which its rows may be read and its answer written, too; and how long is waited for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::{BLOCK, Loaded, NativeEngine};
use crate::{Batch, Extras, PredictError, Prediction, Spent};

impl NativeEngine {
    /// A turn to compute, once a thread is free.
    pub(crate) async fn turn(&self) -> Result<Turn, PredictError> {
        let (asked, in_hand) = (Instant::now(), InHand::new(&self.in_hand));
        let permit = tokio::time::timeout(self.limit, Arc::clone(&self.threads).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(PredictError::TimedOut) };
        let (model, threads, waited) = (Arc::clone(&self.model), Arc::clone(&self.threads), asked.elapsed());
        Ok(Turn { model, threads, count: self.count, limit: self.limit, in_hand, _permit: permit, waited })
    }
}

/// One request's turn to compute by a model, on a thread.
#[derive(Debug)]
pub struct Turn {
    model: Arc<Loaded>,
    /// Where there may be more of them.
    threads: Arc<Semaphore>,
    count: usize,
    limit: Duration,
    in_hand: InHand,
    /// Held, not read.
    _permit: OwnedSemaphorePermit,
    waited: Duration,
}

impl Turn {
    /// Does work on a thread, which may take long. Where whoever asked has gone, it is not begun, or computes no further rows.
    ///
    /// # Errors
    /// Those of the work; and when it takes longer than the limit, or panics.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Computing) -> Result<T, PredictError> + Send + 'static,
    ) -> Result<T, PredictError> {
        let (limit, caller) = (self.limit, Caller::default());
        let computing = Computing { turn: self, gone: Arc::clone(&caller.gone) };
        let work = AbortOnDropHandle::new(tokio::task::spawn_blocking(move || work(&computing)));
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(lost)) => Err(PredictError::Failed(lost.to_string())),
            Err(_) => Err(PredictError::TimedOut),
        }
    }
}

/// What computes on such a thread.
#[derive(Debug)]
pub struct Computing {
    turn: Turn,
    gone: Arc<AtomicBool>,
}

impl Computing {
    /// Computes the predictions for some rows of the model's schema until then, and what is asked for besides.
    ///
    /// # Errors
    /// When the model does not take the rows, has not what is asked for, or it took too long.
    pub fn predict(&self, batch: &Batch, extras: Extras, deadline: Option<Instant>) -> Result<Prediction, PredictError> {
        self.turn.model.schema.check(batch)?;
        self.compute(batch, extras, deadline)
    }

    pub(super) fn compute(
        &self,
        batch: &Batch,
        extras: Extras,
        deadline: Option<Instant>,
    ) -> Result<Prediction, PredictError> {
        let (began, Turn { model, threads, count, in_hand, waited, .. }) = (Instant::now(), &self.turn);
        model.has(extras, batch.rows())?;
        // Those that are idle, but of all no more than the part of one request.
        let most = (count / in_hand.count()).min(batch.rows().div_ceil(BLOCK)).max(1);
        let more: Vec<_> = (1..most).map_while(|_| threads.try_acquire().ok()).collect();
        let patience = Patience { gone: Some(&self.gone), deadline };
        let (output, more) = model.compute(batch, extras, 1 + more.len(), &patience)?;
        patience.check()?;
        Ok(Prediction { output, more, spent: Spent { waiting: *waited, computing: began.elapsed() } })
    }
}

/// Counts a request that wants to compute, as long as it does.
#[derive(Debug)]
struct InHand(Arc<AtomicUsize>);

impl InHand {
    fn new(all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(all))
    }

    /// How many there are, itself included.
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed).max(1)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whoever waits for rows that another thread computes. Once it has gone, no further block is begun.
#[derive(Default)]
pub(super) struct Caller {
    pub(super) gone: Arc<AtomicBool>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// How long is waited for rows.
#[derive(Default)]
pub(super) struct Patience<'p> {
    pub(super) gone: Option<&'p AtomicBool>,
    pub(super) deadline: Option<Instant>,
}

impl Patience<'_> {
    pub(super) fn check(&self) -> Result<(), PredictError> {
        let is_over = self.gone.is_some_and(|gone| gone.load(Ordering::Relaxed))
            || self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if is_over { Err(PredictError::TimedOut) } else { Ok(()) }
    }
}
