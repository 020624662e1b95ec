//! Keeps a model's processes going: as many as its requests need, and another for one that dies.

use std::{
    collections::VecDeque,
    future::{pending, poll_fn},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::{mpsc::Receiver, oneshot},
    task::JoinSet,
    time::Instant,
};

use super::{
    Launch,
    child::Child,
    parent::Parent,
    work::{Work, work},
};
use crate::{Batch, PredictError, Prediction};

/// The shortest and the longest pause before a process that died again is started again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// So long a pause is waited for; in longer ones requests are turned away.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a request waits for a process before another is started.
const GROW: Duration = Duration::from_millis(20);
/// How long a process that is not the only one stays without work.
const IDLE: Duration = Duration::from_mins(1);
/// The most rows that are asked about together where they came apart.
const JOINED_ROWS: usize = 1024;
/// How long requests are not joined after some of them took too long together.
const APART: Duration = Duration::from_mins(1);

/// A request that waits for a process.
pub(super) struct Ask {
    pub(super) batch: Batch,
    /// The estimator's method whose decision values are wanted, too.
    pub(super) decision: Option<&'static str>,
    /// When it began to wait.
    pub(super) asked: Instant,
    pub(super) reply: oneshot::Sender<Result<Prediction, PredictError>>,
}

impl Ask {
    /// Whether both may be asked about together. That decision values are the same then, nobody has looked at.
    fn joins(&self, other: &Self) -> bool {
        self.decision.or(other.decision).is_none() && self.batch.joins(&other.batch)
    }
}

/// A model's processes.
pub(super) struct Pool {
    launch: Launch,
    /// What the last one was forked from: it stays though that one dies.
    parent: Arc<Parent>,
    asks: Receiver<Ask>,
    /// The next requests. There is one at most, but for those that are to be asked one by one.
    waiting: VecDeque<Ask>,
    /// How many of these, from the front, are not to be joined with others.
    alone: usize,
    /// Those without work, and since when; the last to have had some are the last.
    idle: Vec<(Child, Instant)>,
    working: JoinSet<Work>,
    starting: JoinSet<Result<Child, String>>,
    /// Deaths since the last answer, and why the last one was.
    deaths: u32,
    reason: String,
    not_before: Instant,
    /// When to look again for a further process, where others have them all.
    not_further: Instant,
    apart_until: Instant,
}

impl Pool {
    /// Begins with one process.
    pub(super) fn new(launch: Launch, first: Child, asks: Receiver<Ask>) -> Self {
        let now = Instant::now();
        Self {
            launch,
            parent: first.parent(),
            asks,
            waiting: VecDeque::new(),
            alone: 0,
            idle: vec![(first, now)],
            working: JoinSet::new(),
            starting: JoinSet::new(),
            deaths: 0,
            reason: String::new(),
            not_before: now,
            not_further: now,
            apart_until: now,
        }
    }

    /// Serves requests until nobody can send any more; then the processes are killed.
    pub(super) async fn serve(mut self) {
        while self.step().await.is_some() {}
        // Whoever works is dropped, and so killed.
        self.working.shutdown().await;
        self.starting.shutdown().await;
        for (child, _) in self.idle {
            child.kill().await;
        }
    }

    /// Waits for what happens next; `None` when nobody can send any more.
    async fn step(&mut self) -> Option<()> {
        self.hand_out();
        self.shrink();
        self.grow();
        let wake = self.wake();
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            Some(done) = self.working.join_next() => match done {
                Ok(work) => self.take_back(work),
                Err(error) => self.died(error.to_string()),
            },
            Some(started) = self.starting.join_next() => match started {
                Ok(Ok(child)) => {
                    self.parent = child.parent();
                    self.idle.push((child, Instant::now()));
                }
                // It was logged where it happened.
                Ok(Err(reason)) => self.died(reason),
                Err(error) => self.died(error.to_string()),
            },
            (at, reason) = ended(&mut self.idle) => {
                let (child, _) = self.idle.remove(at);
                self.died(child.over_limit().unwrap_or(reason));
            }
            ask = self.asks.recv(), if self.waiting.is_empty() => self.waiting.push_back(ask?),
            () = sleep => {}
        }
        if self.running() == 0 && self.starting.is_empty() && self.not_before > Instant::now() + PATIENCE {
            self.turn_away();
        }
        Some(())
    }

    fn running(&self) -> usize {
        self.idle.len() + self.working.len()
    }

    /// Gives processes without work what waits.
    fn hand_out(&mut self) {
        while let Some(asks) = self.next_asks() {
            let Some((child, _)) = self.idle.pop() else { return };
            let (schema, limit) = (self.launch.schema.clone(), self.launch.limit);
            self.working.spawn(work(child, schema, asks, limit));
        }
    }

    /// Requests to be asked together, if there is a process for them. Whoever asked may have gone while they waited.
    fn next_asks(&mut self) -> Option<Vec<Ask>> {
        let joins = self.idle.last()?.0.joins() && self.apart_until <= Instant::now();
        let (first, apart) = loop {
            let apart = self.alone > 0;
            self.alone = self.alone.saturating_sub(1);
            let ask = self.waiting.pop_front().or_else(|| self.asks.try_recv().ok())?;
            if !ask.reply.is_closed() {
                break (ask, apart);
            }
        };
        let mut rows = first.batch.rows();
        let mut asks = vec![first];
        while joins && !apart && self.alone == 0 && rows < JOINED_ROWS {
            let Some(ask) = self.waiting.pop_front().or_else(|| self.asks.try_recv().ok()) else { break };
            let fits = rows + ask.batch.rows() <= JOINED_ROWS && asks[0].joins(&ask);
            if !fits {
                self.waiting.push_front(ask);
                break;
            }
            if !ask.reply.is_closed() {
                rows += ask.batch.rows();
                asks.push(ask);
            }
        }
        Some(asks)
    }

    fn take_back(&mut self, work: Work) {
        match work.child {
            Ok(child) => {
                self.deaths = 0;
                self.idle.push((child, Instant::now()));
            }
            Err(reason) => self.died(reason),
        }
        if work.slow {
            self.apart_until = Instant::now() + APART;
        }
        self.alone += work.again.len();
        for ask in work.again.into_iter().rev() {
            self.waiting.push_front(ask);
        }
    }

    fn died(&mut self, reason: String) {
        let pause = match self.deaths {
            0 => Duration::ZERO,
            more => PAUSES.0.saturating_mul(2_u32.saturating_pow(more - 1)).min(PAUSES.1),
        };
        tracing::warn!(reason, deaths = self.deaths, model.folder = %self.launch.folder.display(), "a model's process died");
        self.deaths = self.deaths.saturating_add(1);
        self.not_before = Instant::now() + pause;
        self.reason = reason;
    }

    /// Starts another process where there is none, or where somebody has waited.
    fn grow(&mut self) {
        if !self.starting.is_empty() || self.grows_at().is_none_or(|at| at > Instant::now()) {
            return;
        }
        let mut further = None;
        if self.running() > 0 {
            further = Arc::clone(&self.launch.further).try_acquire_owned().ok();
            if further.is_none() {
                // Other models have as many as there are processors.
                self.not_further = Instant::now() + GROW;
                return;
            }
        }
        let launch = self.launch.clone();
        self.starting.spawn(async move { Child::start(&launch, further).await });
    }

    fn grows_at(&self) -> Option<Instant> {
        match self.running() {
            0 => Some(self.not_before),
            running if running < self.launch.processes => {
                self.waiting.front().map(|ask| (ask.asked + GROW).max(self.not_before).max(self.not_further))
            }
            _ => None,
        }
    }

    fn shrink(&mut self) {
        while self.running() > 1 && self.idle.first().is_some_and(|(_, since)| since.elapsed() >= IDLE) {
            drop(self.idle.remove(0));
        }
    }

    /// When something is to be done though nothing happens.
    fn wake(&self) -> Option<Instant> {
        let grows = self.grows_at().filter(|_| self.starting.is_empty());
        let shrinks = self.idle.first().filter(|_| self.running() > 1).map(|(_, since)| *since + IDLE);
        grows.into_iter().chain(shrinks).min()
    }

    /// It takes a while until there is a process again.
    fn turn_away(&mut self) {
        self.alone = 0;
        for ask in self.waiting.drain(..) {
            // Nobody may be waiting any more, and that is fine.
            let _ = ask.reply.send(Err(PredictError::Restarting(self.reason.clone())));
        }
    }
}

/// The first of the processes without work that ends, and how.
async fn ended(idle: &mut [(Child, Instant)]) -> (usize, String) {
    let mut ends: Vec<_> = idle.iter_mut().map(|(child, _)| Box::pin(child.ended())).collect();
    poll_fn(|context| {
        let ended = ends.iter_mut().enumerate().find_map(|(at, end)| match end.as_mut().poll(context) {
            Poll::Ready(how) => Some((at, how)),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
