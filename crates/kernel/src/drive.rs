//! One request to a kernel, from when it was sent to when the kernel is idle again, or to what ended it before.

use std::time::Duration;

use tokio::time::{Instant, interval_at, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    DeathCause, Kernel, KernelError,
    wire::{Incoming, Message},
};

/// How long an interrupted request may take to end before the kernel is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How long after a broken connection the kernel's death may show.
const DEATH: Duration = Duration::from_secs(1);
/// A dead kernel's broadcasts are read until none comes for this long.
const QUIET: Duration = Duration::from_millis(50);
/// A request ends by a reply and by an idle status: when one is here, how long the other may take after the last broadcast.
const TRAILING: Duration = Duration::from_secs(5);
/// The same once the kernel has failed to tell that it is idle.
const TRAILING_MUTE: Duration = Duration::from_millis(200);
/// The last broadcast of a kernel that ends by `os._exit`; it waits for our answer.
const LEAVING: &str = "leaving";
/// The launcher's own broadcast after each request, also where the kernel's replies and statuses get lost.
const DONE: &str = "done";
const TICK: Duration = Duration::from_secs(1);

/// Sees what comes while a request runs. Must not block: broadcasts wait meanwhile.
pub(crate) trait Observer: Send {
    /// A broadcast, or the reply.
    fn message(&mut self, message: &mut Message);
    /// Called once a second.
    fn tick(&mut self);
    /// The kernel's broadcasts have stopped: outputs may be missing from here on.
    fn mute(&mut self);
}

/// What ends a request from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'a> {
    /// How long this request may take.
    pub(crate) request: Option<Duration>,
    /// When the whole run must be over, and how long it may take.
    pub(crate) run: (Instant, Duration),
    pub(crate) cancel: &'a CancellationToken,
}

impl Limits<'_> {
    /// The first limit to be reached from now on, and why it stops the request.
    fn first(&self, now: Instant) -> (Instant, Stop) {
        let (run_end, whole) = self.run;
        match self.request.map(|limit| (now + limit, limit)) {
            Some((end, limit)) if end <= run_end => (end, Stop::RequestTimeout(limit)),
            _ => (run_end, Stop::RunTimeout(whole)),
        }
    }
}

/// Why a request was stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    RequestTimeout(Duration),
    RunTimeout(Duration),
    Cancelled,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The kernel ran it; this is its reply.
    Replied(Message),
    /// It was stopped; the kernel may have survived that.
    Stopped { why: Stop, kernel_lives: bool },
    /// The kernel's process ended.
    Died(DeathCause),
    /// The kernel is done with it, or said that it is idle, and no reply came.
    NoReply,
    /// The connection broke while the kernel lived. It is killed then.
    Broken(KernelError),
}

/// Sees a request to its end.
pub(crate) async fn drive(kernel: &mut Kernel, request: &str, limits: Limits<'_>, observer: &mut dyn Observer) -> Ended {
    let (mut deadline, at_deadline) = limits.first(Instant::now());
    let mut stop = None;
    let mut progress = Progress { request, idle: false, done: false, reply: None, latest: Instant::now() };
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    loop {
        tokio::select! {
            incoming = kernel.wire.next() => match incoming {
                Ok(Incoming::Broadcast(message)) if message.kind == LEAVING => kernel.process.let_go(),
                Ok(incoming) => progress.take(incoming, observer),
                Err(error) => return broken(kernel, error, observer).await,
            },
            cause = kernel.process.ended() => {
                drain(kernel, observer).await;
                return stop.map_or(Ended::Died(cause), |why| Ended::Stopped { why, kernel_lives: false });
            }
            () = sleep_until(deadline) => {
                if stop.replace(stop.unwrap_or(at_deadline)).is_none() {
                    kernel.process.interrupt();
                } else {
                    kernel.process.kill();
                }
                deadline = Instant::now() + GRACE;
            }
            () = limits.cancel.cancelled(), if stop.is_none() => {
                stop = Some(Stop::Cancelled);
                kernel.process.interrupt();
                deadline = Instant::now() + GRACE;
            }
            () = sleep_until(progress.latest + if kernel.mute { TRAILING_MUTE } else { TRAILING }), if progress.ends() => {
                if let Some(why) = stop {
                    return Ended::Stopped { why, kernel_lives: true };
                }
                let Some(reply) = progress.reply else { return Ended::NoReply };
                mute(kernel, observer);
                return Ended::Replied(reply);
            }
            _ = ticks.tick() => observer.tick(),
        }
        if let Some(reply) = progress.finished() {
            if !progress.idle {
                mute(kernel, observer);
            }
            return stop.map_or(Ended::Replied(reply), |why| Ended::Stopped { why, kernel_lives: true });
        }
    }
}

/// A request is over when its reply and its idle status are both there, in whatever order. Where the notebook has broken
/// what sends either, the launcher still says that the kernel is done with it.
struct Progress<'a> {
    request: &'a str,
    idle: bool,
    done: bool,
    reply: Option<Message>,
    /// When the latest message came.
    latest: Instant,
}

impl Progress<'_> {
    fn take(&mut self, incoming: Incoming, observer: &mut dyn Observer) {
        self.latest = Instant::now();
        match incoming {
            Incoming::Broadcast(message) if message.kind == DONE => self.done |= message.parent == self.request,
            Incoming::Broadcast(mut message) => {
                let idle = message.kind == "status" && message.text("execution_state") == "idle";
                self.idle |= idle && message.parent == self.request;
                observer.message(&mut message);
            }
            Incoming::Reply(mut message) if message.parent == self.request => {
                observer.message(&mut message);
                self.reply = Some(message);
            }
            // A reply to an earlier request, given up since.
            Incoming::Reply(_) => {}
        }
    }

    /// Whether one of its ends is here.
    fn ends(&self) -> bool {
        self.idle || self.done || self.reply.is_some()
    }

    fn finished(&mut self) -> Option<Message> {
        if self.idle || self.done { self.reply.take() } else { None }
    }
}

/// The kernel's broadcasts have stopped, which is said once.
fn mute(kernel: &mut Kernel, observer: &mut dyn Observer) {
    if !std::mem::replace(&mut kernel.mute, true) {
        observer.mute();
    }
}

async fn broken(kernel: &mut Kernel, error: KernelError, observer: &mut dyn Observer) -> Ended {
    if let Ok(cause) = timeout(DEATH, kernel.process.ended()).await {
        drain(kernel, observer).await;
        return Ended::Died(cause);
    }
    kernel.process.kill();
    Ended::Broken(error)
}

/// Reads what a dead kernel had still sent.
async fn drain(kernel: &mut Kernel, observer: &mut dyn Observer) {
    let end = Instant::now() + DEATH;
    while let Ok(Ok(mut message)) = timeout(QUIET, kernel.wire.broadcast()).await {
        observer.message(&mut message);
        if Instant::now() > end {
            return;
        }
    }
}
