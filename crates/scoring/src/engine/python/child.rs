//! One process of a model.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    sync::{Arc, PoisonError},
    time::Duration,
};

use sandbox::{Seal, Watch, child_of};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixStream, unix::pipe},
    sync::OwnedSemaphorePermit,
};

use super::{
    Launch,
    frame::{self, Frame, Greeting},
    parent::{Life, Parent, START_LIMIT, last_words, send},
};

/// The longest frame that is read, in bytes.
const FRAME_LIMIT: usize = 256 * 1024 * 1024;
/// The files that a process is given.
const FILES: [&str; 2] = ["metadata.json", "model.pkl"];
/// The methods that give decision values.
const DECIDE: [&str; 2] = ["decision_function", "score_samples"];
/// How long one that broke off may take to end by itself, and one that is killed to be gone.
const END: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// A process that is ready. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Child {
    channel: UnixStream,
    life: Life,
    memory: Option<Arc<Watch>>,
    joins: bool,
    decides: Option<&'static str>,
    /// All that it can write to.
    home: TempDir,
    /// If it is not its model's only one.
    _further: Option<OwnedSemaphorePermit>,
}

impl Child {
    /// Forks a process for a model and waits until it is ready, or says why it is not.
    pub(super) async fn start(launch: &Launch, further: Option<OwnedSemaphorePermit>) -> Result<Self, String> {
        let parent = launch.parents.of(&launch.python, &launch.programs, &launch.tasks).await?;
        let failed = |error: io::Error| format!("{}: {error}", launch.folder.display());
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let (errors, their_errors) = io::pipe().map_err(failed)?;
        let mut descriptors = vec![OwnedFd::from(theirs), OwnedFd::from(their_errors)];
        for name in FILES {
            descriptors.push(File::open(launch.folder.join(name)).map_err(failed)?.into());
        }
        let home = parent.home().map_err(failed)?;
        let errors = pipe::Receiver::from_owned_fd(errors.into()).map_err(failed)?;
        let words = tokio::spawn(last_words(errors));
        let channel = UnixStream::from_std(ours).map_err(failed)?;
        let life = Arc::clone(&parent).fork(home.path(), &FILES, descriptors).map_err(failed)?;
        let mut child = Self { channel, life, memory: None, joins: false, decides: None, home, _further: further };
        let refused = match tokio::time::timeout(START_LIMIT, child.begin(&parent, launch)).await {
            Ok(Ok(Greeting { ready: true, joins, decides, .. })) => {
                child.joins = joins;
                child.decides = DECIDE.into_iter().find(|method| decides.as_deref() == Some(*method));
                return Ok(child);
            }
            Ok(Ok(Greeting { error, .. })) => error.unwrap_or_else(|| "the process is not ready".to_owned()),
            Ok(Err(_)) => format!("the process ended before it was ready: {}", child.why_it_broke_off().await),
            Err(_) => "the process was not ready in time".to_owned(),
        };
        let refused = child.over_limit().unwrap_or(refused);
        child.kill().await;
        let words = words.await.unwrap_or_default();
        tracing::warn!(reason = refused, python.stderr = words, "a model's process did not start");
        Err(refused)
    }

    /// Has it confined before anything of the model runs in it.
    async fn begin(&mut self, parent: &Parent, launch: &Launch) -> io::Result<Greeting> {
        let number = self.greeting().await?.pid.ok_or_else(|| io::Error::other("it has no number"))?;
        let (main, confinement) = (parent.main(), parent.confinement(self.home.path()));
        let looked = tokio::task::spawn_blocking(move || {
            let pid = child_of(main, number).ok_or_else(|| io::Error::other("it is no child"))?;
            Ok::<_, io::Error>((pid, Seal::new(&confinement, number)?))
        });
        let (pid, seal) = looked.await.map_err(io::Error::other)??;
        let memory = Arc::new(Watch::process(pid, launch.memory_limit));
        {
            let mut watches = launch.watches.lock().unwrap_or_else(PoisonError::into_inner);
            watches.retain(|watch| watch.strong_count() > 0);
            watches.push(Arc::downgrade(&memory));
        }
        self.memory = Some(memory);
        let rules: Vec<OwnedFd> = seal.rules.into_iter().collect();
        send(&self.channel, &frame::seal(&seal.filter)?, &rules).await?;
        self.greeting().await
    }

    async fn greeting(&mut self) -> io::Result<Greeting> {
        Ok(serde_json::from_slice(&self.read().await?.head)?)
    }

    /// What it was forked from.
    pub(super) fn parent(&self) -> Arc<Parent> {
        self.life.parent()
    }

    /// Whether rows of several requests may be asked about together.
    pub(super) fn joins(&self) -> bool {
        self.joins
    }

    /// The estimator's method that gives decision values, if it has one.
    pub(super) fn decides(&self) -> Option<&'static str> {
        self.decides
    }

    /// Sends a request and reads the answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<Frame> {
        self.channel.write_all(request).await?;
        self.read().await
    }

    async fn read(&mut self) -> io::Result<Frame> {
        let lengths = [self.channel.read_u32_le().await? as usize, self.channel.read_u32_le().await? as usize];
        if lengths.iter().sum::<usize>() > FRAME_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
        }
        let mut frame = Frame { head: vec![0; lengths[0]], buffers: vec![0; lengths[1]] };
        self.channel.read_exact(&mut frame.head).await?;
        self.channel.read_exact(&mut frame.buffers).await?;
        Ok(frame)
    }

    /// How much memory the process took, if it was killed for that.
    pub(super) fn over_limit(&self) -> Option<String> {
        let memory = self.memory.as_ref().filter(|memory| memory.is_over_limit())?;
        let limit = memory.limit()?;
        let (peak, limit) = (memory.peak().unwrap_or(limit) >> 20, limit >> 20);
        Some(format!("it took {peak} MiB of memory, over the limit of {limit} MiB; raise MODEL_MEMORY_LIMIT_MB"))
    }

    /// How the process ended, once it has. Cancel-safe.
    pub(super) async fn ended(&mut self) -> String {
        self.life.ended().await.to_owned()
    }

    /// Why it says nothing any more.
    pub(super) async fn why_it_broke_off(&mut self) -> String {
        let how = tokio::time::timeout(END.0, self.ended()).await;
        let how = how.unwrap_or_else(|_| "it closed its connection".to_owned());
        self.over_limit().unwrap_or(how)
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.life.kill();
        if tokio::time::timeout(END.1, self.ended()).await.is_err() {
            tracing::warn!("a model's process did not end in time");
        }
    }
}
