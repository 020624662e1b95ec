//! The kernel's process: clean environment, leash, signals, death.

use std::{
    ffi::OsString,
    io::{self, Read, Seek, SeekFrom},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use sandbox::{Family, Watch};
use tempfile::TempDir;
use tokio::process::{ChildStdin, ChildStdout, Command};

use crate::{DeathCause, KernelError, KernelSpec, Room};

/// One module, so that a single argument starts it.
const LAUNCHER: &str = concat!(
    include_str!("launcher/main.py"),
    include_str!("launcher/streams.py"),
    include_str!("launcher/mlflow_run.py"),
    include_str!("launcher/packages.py"),
    include_str!("launcher/numbers.py"),
    include_str!("launcher/pickles.py"),
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
/// A socket's path has at most 107 bytes; this leaves room for the names in the directory.
const DIRECTORY_LENGTH: usize = 80;
/// So much of the end of the kernel's standard error is told.
const LOG_TAIL: u64 = 4 << 10;

/// A kernel's process with all below it, and its private directory. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Process {
    family: Family,
    /// Held so that the kernel lives, and dies when we do: see `launcher/`.
    _leash: Option<ChildStdin>,
    directory: TempDir,
    room: Option<Room>,
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
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let room = Room::furnish(spec)?;
        if let Some(room) = &room {
            let temporary = directory.path().join("tmp");
            std::fs::create_dir(&temporary)?;
            command.envs(room.variables(spec, &temporary));
        }
        let confinement = room.as_ref().map(|room| room.confinement(spec, directory.path()));
        let failed = |source| KernelError::Python { python: spec.python.clone(), source };
        let mut family = sandbox::spawn(command, confinement.as_ref()).map_err(failed)?;
        let (leash, ready, _) = family.pipes();
        let ready = ready.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok((Self { family, _leash: leash, directory, room }, ready))
    }

    /// Begins to count its memory.
    pub(crate) fn watch(&self, limit: Option<u64>) -> Watch {
        Watch::start(&self.family, limit)
    }

    /// Its room, for whoever needs it longer than the kernel.
    pub(crate) fn take_room(&mut self) -> Option<Room> {
        self.room.take()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until the kernel and all below it have ended. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> DeathCause {
        self.family.wait().await.map_or(DeathCause::ExitCode(-1), cause)
    }

    /// Whether the kernel itself has not ended yet.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.family.try_wait(), Ok(None))
    }

    /// Tells a kernel that waits to leave that all it had sent is here.
    pub(crate) fn let_go(&self) {
        // Where this fails, the kernel waits a second. The folder is the kernel's as well: a link there is not followed.
        let _ = sandbox::files::create_new(&self.directory.path().join("let-go"));
    }

    /// Raises `KeyboardInterrupt` in the running cell.
    pub(crate) fn interrupt(&self) {
        self.family.interrupt();
    }

    /// Kills the kernel and all its children.
    pub(crate) fn kill(&self) {
        self.family.kill();
    }

    /// Waits for the end of the kernel and of what is below it, and kills what does not end.
    pub(crate) async fn reap(&mut self, patience: Duration) {
        self.family.reap(patience).await;
    }

    /// The kernel may have put anything in the log's place, of any length.
    fn read_log_tail(&self) -> io::Result<Vec<u8>> {
        let mut log = sandbox::files::open_below(self.directory.path(), Path::new("log"))?;
        log.seek(SeekFrom::Start(log.metadata()?.len().saturating_sub(LOG_TAIL)))?;
        let mut tail = Vec::new();
        log.take(LOG_TAIL).read_to_end(&mut tail)?;
        Ok(tail)
    }

    /// The end of what the kernel wrote to its own standard error: why it did not start, or where it crashed.
    pub(crate) fn log_tail(&self) -> String {
        let tail = self.read_log_tail().unwrap_or_default();
        String::from_utf8_lossy(&tail).trim().to_owned()
    }
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
