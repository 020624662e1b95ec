//! The kernel's process: clean environment, leash, signals, death.

use std::{
    ffi::OsString,
    io,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep},
};

use crate::{DeathCause, KernelError, KernelSpec, memory};

/// One module, so that a single argument starts it.
const LAUNCHER: &str = concat!(
    include_str!("launcher/main.py"),
    include_str!("launcher/streams.py"),
    include_str!("launcher/mlflow_run.py"),
    include_str!("launcher/packages.py"),
    include_str!("launcher/numbers.py"),
    "\nmain()\n"
);
/// The pip of a run.
const PIP: &str = include_str!("launcher/pip.py");
/// What a kernel inherits of our environment, beside `LC_*`. Nothing else: our own has secrets.
const INHERITED: [&str; 13] = [
    "PATH",
    "HOME",
    "LANG",
    "TZ",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
];
/// How long the kernel's children may go on after it, to clean up.
const CHILDREN_GRACE: Duration = Duration::from_millis(500);
/// A socket's path has at most 107 bytes; this leaves room for the names in the directory.
const DIRECTORY_LENGTH: usize = 80;
/// So much of the end of the kernel's standard error is told.
const LOG_TAIL: usize = 4 << 10;

/// A kernel's process group and its private directory. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    /// Held so that the kernel lives, and dies when we do: see `launcher/`.
    _leash: Option<ChildStdin>,
    directory: TempDir,
}

/// A short path that only this user can enter.
pub(crate) fn private_directory() -> io::Result<TempDir> {
    let base = std::env::temp_dir();
    let base = if base.as_os_str().len() + 16 > DIRECTORY_LENGTH { PathBuf::from("/tmp") } else { base };
    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("mlsys-k-").permissions(private).tempdir_in(base)
}

impl Process {
    /// Starts Python with the launcher. The second part of the answer gets one byte when the kernel is ready.
    pub(crate) fn spawn(
        spec: &KernelSpec,
        preload: &[String],
        directory: TempDir,
    ) -> Result<(Self, ChildStdout), KernelError> {
        let log = std::fs::File::create(directory.path().join("log"))?;
        let pip = directory.path().join("tools/pip");
        std::fs::create_dir_all(&pip)?;
        std::fs::write(pip.join("__init__.py"), PIP)?;
        std::fs::write(pip.join("__main__.py"), "import sys\nfrom pip import main\nsys.exit(main())\n")?;
        let mut command = Command::new(&spec.python);
        command.args(["-c", LAUNCHER]).arg(connection_file(directory.path())).args(preload);
        command.env_clear().envs(inherited()).env("IPYTHONDIR", directory.path().join("ipython"));
        command.env("JUPYTER_RUNTIME_DIR", directory.path()).current_dir(directory.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0).kill_on_drop(true);
        let failed = |source| KernelError::Python { python: spec.python.clone(), source };
        let mut child = command.spawn().map_err(failed)?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let ended = || failed(io::ErrorKind::BrokenPipe.into());
        let (pid, ready) = pid.zip(child.stdout.take()).ok_or_else(ended)?;
        let leash = child.stdin.take();
        Ok((Self { child, pid, _leash: leash, directory }, ready))
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until the kernel itself has ended. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> DeathCause {
        self.child.wait().await.map_or(DeathCause::ExitCode(-1), cause)
    }

    /// Whether the kernel itself has not ended yet.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells a kernel that waits to leave that all it had sent is here.
    pub(crate) fn let_go(&self) {
        // Where this fails, the kernel waits a second.
        let _ = std::fs::File::create(self.directory.path().join("let-go"));
    }

    /// Raises `KeyboardInterrupt` in the running cell.
    pub(crate) fn interrupt(&self) {
        signal_one(self.pid, Signal::SIGINT);
    }

    /// Kills the kernel and all its children.
    pub(crate) fn kill(&self) {
        kill_tree(self.pid);
    }

    /// Waits for the end of the kernel, a while for the end of its children, and kills what is left.
    pub(crate) async fn reap(&mut self, patience: Duration) {
        let family = memory::Tree::of(self.pid.as_raw());
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            self.kill();
            let _ = self.child.wait().await;
        }
        let end = Instant::now() + CHILDREN_GRACE;
        while killpg(self.pid, None).is_ok() && Instant::now() < end {
            sleep(Duration::from_millis(10)).await;
        }
        let _ = killpg(self.pid, Signal::SIGKILL);
        family.kill_survivors();
    }

    /// The end of what the kernel wrote to its own standard error: why it did not start, or where it crashed.
    pub(crate) fn log_tail(&self) -> String {
        let bytes = std::fs::read(self.directory.path().join("log")).unwrap_or_default();
        let tail = &bytes[bytes.len().saturating_sub(LOG_TAIL)..];
        String::from_utf8_lossy(tail).trim().to_owned()
    }
}

/// Kills a process, its group, and all its descendants wherever they have gone.
pub(crate) fn kill_tree(pid: Pid) {
    let family = memory::Tree::of(pid.as_raw());
    let _ = killpg(pid, Signal::SIGKILL);
    family.kill_survivors();
}

/// Sends a signal to a process that may be gone already.
pub(crate) fn signal_one(pid: Pid, signal: Signal) {
    let _ = kill(pid, signal);
}

pub(crate) fn connection_file(directory: &Path) -> PathBuf {
    directory.join("kernel.json")
}

fn inherited() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_")))
}

fn cause(status: ExitStatus) -> DeathCause {
    status.signal().map_or_else(|| DeathCause::ExitCode(status.code().unwrap_or(-1)), DeathCause::signal)
}
