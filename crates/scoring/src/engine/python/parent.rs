//! The process that has the libraries of a Python environment loaded, and is forked for each model: what they take of memory is
//! there once. It knows no model: a child is confined to what is its own before it reads anything.

use std::{
    collections::HashMap,
    io::{self, IoSlice},
    os::fd::{AsRawFd, OwnedFd, RawFd},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::socket::{ControlMessage, MsgFlags, sendmsg},
    unistd::Pid,
};
use sandbox::{Confinement, Egress, Family, python_folders};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, Interest},
    net::UnixStream,
    process::Command,
    sync::{mpsc, oneshot},
};
use tokio_util::task::TaskTracker;

/// The longest a process may take until it is ready: imports, or unpickling.
pub(super) const START_LIMIT: Duration = Duration::from_mins(2);
/// How much of what a process says before it fails to start is kept, in bytes.
const LAST_WORDS: usize = 4096;
/// The longest line that a parent may say, in bytes.
const LINE_LIMIT: usize = 64 << 10;
/// What a model's process may know of our environment: nothing that could be a secret.
const ENVIRONMENT: &[&str] = &["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"];
/// Each processor has a process of its own, and whoever is forked must have no threads.
const THREADS: &[&str] =
    &["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS"];

/// One for each interpreter, as long as a model of it is loaded.
#[derive(Debug, Default)]
pub(crate) struct Parents(Mutex<HashMap<PathBuf, Slot>>);

/// Locked while one starts, so that all who need it wait for the same.
type Slot = Arc<tokio::sync::Mutex<Weak<Parent>>>;

/// A process from which those of models are forked. It ends, and all of them with it, when nobody has a handle any more.
#[derive(Debug)]
pub(super) struct Parent {
    orders: mpsc::UnboundedSender<Order>,
    main: Pid,
    next: AtomicU64,
    /// Of which each child gets a folder.
    home: PathBuf,
    /// What each child may read, beside the files it is given.
    folders: Vec<PathBuf>,
}

enum Order {
    Fork { line: String, descriptors: Vec<OwnedFd>, name: u64, ended: oneshot::Sender<String> },
    Kill(u64),
}

/// A child that was asked for. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Life {
    parent: Arc<Parent>,
    name: u64,
    ended: oneshot::Receiver<String>,
    how: Option<String>,
}

#[derive(Serialize)]
struct Fork<'a> {
    #[serde(rename = "fork")]
    name: u64,
    home: &'a Path,
    files: &'a [&'a str],
}

/// What a parent says.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    ended: Option<u64>,
    #[serde(default)]
    status: i32,
    #[serde(default)]
    error: Option<String>,
}

impl Parents {
    /// The parent of an interpreter, which is started if there is none; or why there is none.
    pub(super) async fn of(&self, python: &Path, programs: &Path, tasks: &TaskTracker) -> Result<Arc<Parent>, String> {
        let slot = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those of environments that nobody needs any more.
            all.retain(|_, slot| slot.try_lock().map_or(true, |parent| parent.strong_count() > 0));
            Arc::clone(all.entry(python.to_owned()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(parent) = slot.upgrade().filter(|parent| !parent.orders.is_closed()) {
            return Ok(parent);
        }
        let parent = Arc::new(Parent::start(python, programs, tasks).await?);
        *slot = Arc::downgrade(&parent);
        Ok(parent)
    }
}

impl Parent {
    async fn start(python: &Path, programs: &Path, tasks: &TaskTracker) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{}: {error}", python.display());
        let home = tempfile::Builder::new().prefix("mlsys-m-").tempdir().map_err(failed)?;
        let mut folders = python_folders(python);
        folders.push(programs.to_owned());
        let (mut family, socket) = spawn((python, programs), &folders, home.path()).map_err(failed)?;
        let words = family.pipes().2.map(|errors| tokio::spawn(last_words(errors)));
        let mut lines = Lines { socket, text: Vec::new() };
        let refused = match tokio::time::timeout(START_LIMIT, lines.next()).await {
            Ok(Ok(Said { ready: true, .. })) => None,
            Ok(Ok(_)) => Some("the process is not ready".to_owned()),
            Ok(Err(error)) => Some(format!("the process ended before it was ready: {error}")),
            Err(_) => Some("the process was not ready in time".to_owned()),
        };
        if let Some(refused) = refused {
            family.kill();
            let words = match words {
                Some(words) => words.await.unwrap_or_default(),
                None => String::new(),
            };
            tracing::warn!(reason = refused, python.stderr = words, python = %python.display(), "no models can be forked");
            return Err(refused);
        }
        let (orders, waiting) = mpsc::unbounded_channel();
        let (main, path) = (family.main(), home.path().to_owned());
        tasks.spawn(async move {
            attend(&mut family, lines, waiting).await;
            family.kill();
            if let Err(error) = family.wait().await {
                tracing::warn!(%error, "a process of models could not be waited for");
            }
            drop(home);
        });
        Ok(Self { orders, main, next: AtomicU64::new(0), home: path, folders })
    }

    /// Asks for a child with a home, descriptors (its channel, its standard error, the files), and the files' names.
    pub(super) fn fork(self: Arc<Self>, home: &Path, files: &[&str], descriptors: Vec<OwnedFd>) -> io::Result<Life> {
        let name = self.next.fetch_add(1, Ordering::Relaxed);
        let mut line = serde_json::to_string(&Fork { name, home, files })?;
        line.push('\n');
        let (sender, ended) = oneshot::channel();
        let order = Order::Fork { line, descriptors, name, ended: sender };
        self.orders.send(order).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(Life { parent: self, name, ended, how: None })
    }

    /// The main process, of which the others are children.
    pub(super) fn main(&self) -> Pid {
        self.main
    }

    /// A folder for a child, all that it can write to.
    pub(super) fn home(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("m-").tempdir_in(&self.home)
    }

    /// What a child is confined to.
    pub(super) fn confinement(&self, home: &Path) -> Confinement {
        let (read, write) = (self.folders.clone(), vec![home.to_owned()]);
        Confinement { read, write, egress: Egress::none(), ..Confinement::default() }
    }
}

impl Life {
    pub(super) fn parent(&self) -> Arc<Parent> {
        Arc::clone(&self.parent)
    }

    /// How it ended, once it has. Cancel-safe.
    pub(super) async fn ended(&mut self) -> &str {
        if self.how.is_none() {
            let how = (&mut self.ended).await;
            self.how = Some(how.unwrap_or_else(|_| "the process that it was forked from ended".to_owned()));
        }
        self.how.as_deref().unwrap_or_default()
    }

    pub(super) fn kill(&self) {
        // If nobody hears it, all have ended.
        let _ = self.parent.orders.send(Order::Kill(self.name));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.how.is_none() {
            self.kill();
        }
    }
}

/// Passes orders on, and tells of ends, until nobody orders any more or the parent has ended.
async fn attend(family: &mut Family, mut lines: Lines, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut children: HashMap<u64, oneshot::Sender<String>> = HashMap::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let sent = match order {
                    None => return,
                    Some(Order::Kill(name)) if children.contains_key(&name) => {
                        lines.say(&format!("{{\"kill\":{name}}}\n"), &[]).await
                    }
                    Some(Order::Kill(_)) => Ok(()),
                    Some(Order::Fork { line, descriptors, name, ended }) => {
                        children.insert(name, ended);
                        lines.say(&line, &descriptors).await
                    }
                };
                if let Err(error) = sent {
                    tracing::warn!(%error, "a process of models hears nothing any more");
                    return;
                }
            }
            said = lines.next() => match said {
                Ok(Said { ended: Some(name), status, error, .. }) => {
                    let how = error.unwrap_or_else(|| ExitStatus::from_raw(status).to_string());
                    // Nobody may want to know.
                    let _ = children.remove(&name).map(|life| life.send(how));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a process of models says nothing any more");
                    return;
                }
            },
            _ = family.wait() => {
                tracing::warn!("a process of models ended, and all of them with it");
                return;
            }
        }
    }
}

/// Lines of JSON over a socket, with descriptors.
struct Lines {
    socket: UnixStream,
    /// What was read, and is no whole line yet.
    text: Vec<u8>,
}

impl Lines {
    /// Cancel-safe.
    async fn next(&mut self) -> io::Result<Said> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.text.len() > LINE_LIMIT {
                return Err(io::Error::other("the line is too long"));
            }
            if self.socket.read_buf(&mut self.text).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn say(&self, line: &str, descriptors: &[OwnedFd]) -> io::Result<()> {
        send(&self.socket, line.as_bytes(), descriptors).await
    }
}

/// Sends a short message with descriptors.
pub(super) async fn send(socket: &UnixStream, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights: &[ControlMessage<'_>] = if numbers.is_empty() { &[] } else { &rights };
    let sent = socket
        .async_io(Interest::WRITABLE, || {
            Ok(sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], rights, MsgFlags::empty(), None)?)
        })
        .await?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// A parent is code of whoever wrote the environment's packages, and needs no more than these.
fn spawn((python, programs): (&Path, &Path), folders: &[PathBuf], home: &Path) -> io::Result<(Family, UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(python);
    command.arg(programs.join("fork_server.py")).current_dir(home).env_clear();
    command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(THREADS.iter().map(|name| (name, "1"))).env("HOME", home).env("TMPDIR", home);
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::piped());
    let (read, write) = (folders.to_owned(), vec![home.to_owned()]);
    let confinement = Confinement { read, write, egress: Egress::none(), ..Confinement::default() };
    Ok((sandbox::spawn(command, Some(&confinement))?, UnixStream::from_std(ours)?))
}

/// The end of what a process says on its standard error; read on until its end, so that it is never held up.
pub(super) async fn last_words(mut errors: impl AsyncRead + Unpin) -> String {
    let (mut words, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        words.extend_from_slice(&chunk[..read]);
        words.drain(..words.len().saturating_sub(LAST_WORDS));
    }
    String::from_utf8_lossy(&words).into_owned()
}
