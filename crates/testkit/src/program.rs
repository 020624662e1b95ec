//! A child process that a test starts, kills, pauses and starts again, and that never outlives the test's process.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    time::{Duration, Instant},
};

use nix::{sys::signal::Signal, unistd::Pid};

use crate::family;

/// How long a program may take to end when asked.
const STOP: Duration = Duration::from_mins(2);
/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(20);
/// What a program inherits of the test's environment. The rest it is given.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "TMPDIR", "TZ", "RUST_BACKTRACE"];

/// Whether a program can be used.
type Ready = Box<dyn Fn() -> bool + Send + Sync>;

/// A program and, while it runs, its process. Dropped, it is killed.
pub struct Program {
    name: String,
    log: PathBuf,
    command: Vec<OsString>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    ready: Ready,
    patience: Duration,
    stop_signal: Signal,
    whole_family: bool,
    child: Mutex<Option<Child>>,
}

impl Program {
    /// A program that is not started yet: its name in messages, its command line, the folder it runs in. What it says is
    /// appended to `{folder}/{name}.log`.
    pub fn new(name: &str, folder: &Path, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            name: name.to_owned(),
            log: folder.join(format!("{name}.log")),
            command: command.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            folder: folder.to_owned(),
            ready: Box::new(|| true),
            patience: Duration::from_mins(1),
            stop_signal: Signal::SIGTERM,
            whole_family: false,
            child: Mutex::new(None),
        }
    }

    /// The same program with more environment variables. It sees no others, but for the likes of PATH.
    #[must_use]
    pub fn with(mut self, environment: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self.environment.extend(environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The same program, which counts as started once `ready` says so, within `patience`.
    #[must_use]
    pub fn ready_when(mut self, patience: Duration, ready: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.patience = patience;
        self.ready = Box::new(ready);
        self
    }

    /// The same program, asked to stop with another signal than SIGTERM.
    #[must_use]
    pub fn stopped_by(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// The same program, killed and paused together with all its descendants, as a machine would be.
    #[must_use]
    pub fn with_its_family(mut self) -> Self {
        self.whole_family = true;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file with what it said.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// What it said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) {
        self.launch();
        self.wait_ready();
    }

    /// Starts it.
    pub fn launch(&self) {
        let mut child = self.child();
        assert!(child.is_none(), "{} is running", self.name);
        let log = OpenOptions::new().create(true).append(true).open(&self.log).expect("a log file");
        // From here on the system kills it when this process ends, however it ends.
        let mut command = Command::new("setpriv");
        let leash =
            if self.command.first().is_some_and(|first| first == "setpriv") { &self.command[1..] } else { &self.command };
        command.args(["--pdeathsig", "KILL"]).args(leash);
        command.env_clear().envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log file")).stderr(log);
        *child =
            Some(spawn(command).unwrap_or_else(|error| panic!("{}: setpriv (apt install util-linux): {error}", self.name)));
    }

    /// Waits until it is ready.
    pub fn wait_ready(&self) {
        let ready = within(self.patience, || (self.ready)() || !self.is_running());
        assert!(ready && self.is_running(), "{} did not start:\n{}", self.name, tail(&self.log, 40));
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    /// Whether it was started and has not ended.
    pub fn is_running(&self) -> bool {
        self.child().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Whether it is ready now.
    pub fn is_ready(&self) -> bool {
        self.is_running() && (self.ready)()
    }

    /// Kills it with SIGKILL, also when it is paused, and waits until it is gone.
    pub fn kill(&self) {
        let Some(mut child) = self.child().take() else { return };
        let others = if self.whole_family {
            // So that no child is born after the count.
            family::signal(process(child.id()), Signal::SIGSTOP);
            family::of(child.id())
        } else {
            Vec::new()
        };
        // It fails where it has ended by itself.
        let _ = child.kill();
        for pid in &others {
            family::signal(*pid, Signal::SIGKILL);
        }
        let _ = child.wait();
        // What still holds the memory they shared would keep the next from starting.
        within(STOP, || others.iter().all(|pid| family::is_gone(*pid)));
    }

    /// Pauses it with SIGSTOP.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn wake(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.pid().unwrap_or_else(|| panic!("{} is not running", self.name));
        family::signal(process(pid), signal);
        if self.whole_family {
            for pid in family::of(pid) {
                family::signal(pid, signal);
            }
        }
    }

    /// Asks it to stop and waits; its exit code, or none when it had to be killed or died by a signal.
    pub fn stop(&self) -> Option<i32> {
        let pid = self.pid()?;
        family::signal(process(pid), self.stop_signal);
        if !within(STOP, || !self.is_running()) {
            self.kill();
            return None;
        }
        self.child().take()?.wait().ok()?.code()
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a process id"))
}

/// Waits until something is so; answers whether it came to be in time.
fn within(limit: Duration, done: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !done() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}

/// Starts a process from a thread that lives as long as this process: the system kills a child on the end of the *thread*
/// that started it. Source: `PR_SET_PDEATHSIG` in prctl(2).
fn spawn(command: Command) -> std::io::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (sender, answer) = mpsc::channel();
    orders.send((command, sender)).expect("the thread lives");
    answer.recv().expect("an answer")
}

/// The last lines of a file.
pub fn tail(file: &Path, lines: usize) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The status that `GET http://127.0.0.1:{port}{path}` has; none while nothing answers.
pub fn http_status(port: u16, path: &str) -> Option<u16> {
    let mut socket = connect(port)?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    // A body that is not text is of no interest; its status line has been read.
    let _ = socket.take(4096).read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}

/// A connection to a port of this machine that never blocks for long.
pub(crate) fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let socket = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    socket.set_write_timeout(Some(Duration::from_secs(5))).ok()?;
    Some(socket)
}
