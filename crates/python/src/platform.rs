//! The platform's own Python environment: MLflow, ipykernel and the libraries of ordinary notebooks, from a lock file; and the
//! `uv` that installs it.

use std::{
    fs::{File, TryLockError},
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{
    process::Command,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{reason, uv};

/// What is installed, exactly; made by `cargo xtask lock-python`.
const LOCK: &str = include_str!("../platform/requirements.lock");
/// The `uv` that installs it; made likewise.
const UV: &str = include_str!("../platform/uv.lock");
/// The Pythons that the lock file is for.
const VERSIONS: RangeInclusive<(u32, u32)> = (3, 11)..=(3, 14);
/// Where one of them may be found; the newest that everything is tried with comes early.
const NAMES: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python3.14"];
/// In each environment: the digest of the lock file it was made from. Written last.
const MARKER: &str = "mlsys.lock";
/// How long one step of an installation may take, in minutes.
const STEP_MINUTES: u64 = 30;
/// How often it is said that a step is still going on.
const STILL: Duration = Duration::from_secs(10);
/// How often it is looked whether another process is done.
const LOOK: Duration = Duration::from_millis(100);
/// How long an interpreter may take to answer.
const ANSWER: Duration = Duration::from_mins(1);

/// Prints what this Python is.
const WHO: &str = "import sys; print(*sys.version_info[:2], sys.executable)";
/// Fails with what is missing.
const LACKS: &str = "import importlib.util, sys\n\
    missing = [m for m in ('ipykernel', 'mlflow', 'onnxruntime', 'sklearn', 'cloudpickle') if importlib.util.find_spec(m) is None]\n\
    sys.exit('it lacks ' + ', '.join(missing) if missing else 0)";

/// Why there is no Python environment for the platform.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// No Python on this machine will do.
    #[error(
        "Python 3.11 to 3.14 is needed; {0}. Install one (Debian: apt install python3 python3-venv), or set MLSYS_PYTHON"
    )]
    NoPython(String),
    /// A step of the installation failed.
    #[error("{step} failed: {reason}")]
    Failed {
        /// The step.
        step: &'static str,
        /// Why.
        reason: String,
    },
    /// A step of the installation took too long.
    #[error("{0} took longer than {STEP_MINUTES} minutes")]
    TimedOut(&'static str),
    /// The interpreter lacks what is needed, or does not answer.
    #[error("{}: {reason}", python.display())]
    Unfit {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        reason: String,
    },
    /// This machine's files.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Hears what an installation does.
pub type Say<'a> = &'a (dyn Fn(String) + Send + Sync);

/// Where the platform's environment is, or will be.
#[derive(Debug, Clone)]
pub struct Platform {
    home: PathBuf,
    python: Option<PathBuf>,
    uv: Option<PathBuf>,
}

impl Platform {
    /// An environment in this folder, unless a Python or a `uv` was set that others made.
    pub fn new(home: PathBuf, python: Option<PathBuf>, uv: Option<PathBuf>) -> Self {
        Self { home, python, uv }
    }

    /// The interpreter that is there and is what this program was made for, or that was set.
    pub fn installed(&self) -> Option<PathBuf> {
        if self.python.is_some() {
            return self.python.clone();
        }
        let environment = self.home.join("python");
        let python = environment.join("bin/python");
        let made_for = std::fs::read_to_string(environment.join(MARKER)).ok()?;
        (python.exists() && made_for == digest(LOCK)).then_some(python)
    }

    /// The interpreter; makes the environment when it is missing or not what this program was made for.
    ///
    /// # Errors
    /// When it can't be made.
    pub async fn prepare(&self, say: Say<'_>) -> Result<PathBuf, PlatformError> {
        if let Some(python) = self.installed() {
            return Ok(python);
        }
        let _alone = self.alone("python", say).await?;
        if let Some(python) = self.installed() {
            return Ok(python);
        }
        let environment = self.home.join("python");
        let python = environment.join("bin/python");
        let started = Instant::now();
        say(format!("Preparing the Python environment in {} (once; about a minute)…", environment.display()));
        let uv = self.ensure_uv(say).await?;
        let mut create = Command::new(&uv);
        create.args(["venv", "--quiet", "--clear", "--python"]).arg(base_python().await?).arg(&environment);
        self.step("creating it", create, say).await?;
        let lock = self.home.join("requirements.lock");
        std::fs::write(&lock, LOCK).map_err(io_error(&lock))?;
        let mut install = Command::new(&uv);
        // Compiled ahead, MLflow is up in seconds instead of half a minute.
        install.args(["pip", "install", "--quiet", "--require-hashes", "--compile-bytecode", "--python"]);
        install.arg(&python).arg("-r").arg(&lock);
        self.step("installing packages and compiling them", install, say).await?;
        let marker = environment.join(MARKER);
        std::fs::write(&marker, digest(LOCK)).map_err(io_error(&marker))?;
        say(format!("The Python environment is ready ({:.0} s).", started.elapsed().as_secs_f64()));
        Ok(python)
    }

    /// Where the `uv` is that was set, or will be our own.
    pub fn uv(&self) -> PathBuf {
        self.uv.clone().unwrap_or_else(|| self.home.join("uv/bin/uv"))
    }

    /// The same; installs our own when it is missing or another version.
    ///
    /// # Errors
    /// When it can't be installed.
    pub async fn ensure_uv(&self, say: Say<'_>) -> Result<PathBuf, PlatformError> {
        let environment = self.home.join("uv");
        let (uv, marker) = (self.uv(), environment.join(MARKER));
        let is_ours = || uv.exists() && std::fs::read_to_string(&marker).is_ok_and(|made_from| made_from == digest(UV));
        if self.uv.is_some() || is_ours() {
            return Ok(uv);
        }
        let _alone = self.alone("uv", say).await?;
        if is_ours() {
            return Ok(uv);
        }
        let mut create = Command::new(base_python().await?);
        create.args(["-m", "venv", "--clear"]).arg(&environment);
        self.step("making room for uv (Debian and Ubuntu need the package python3-venv for this)", create, say).await?;
        let lock = environment.join("uv.lock");
        std::fs::write(&lock, UV).map_err(io_error(&lock))?;
        let mut install = Command::new(environment.join("bin/python"));
        install
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"])
            .arg(&lock);
        self.step("installing uv", install, say).await?;
        std::fs::write(&marker, digest(UV)).map_err(io_error(&marker))?;
        Ok(uv)
    }

    /// Waits until no other process makes an environment, and keeps others from it until the answer is dropped: two at once would
    /// take away from each other what they have just put there.
    async fn alone(&self, name: &str, say: Say<'_>) -> Result<File, PlatformError> {
        let path = self.home.join(format!("{name}.lock"));
        let file = File::create(&path).map_err(io_error(&path))?;
        let limit = Instant::now() + Duration::from_mins(STEP_MINUTES);
        let mut next = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(PlatformError::Io { path, source }),
                Err(TryLockError::WouldBlock) if Instant::now() >= limit => {
                    return Err(PlatformError::TimedOut("waiting for another mlsys that prepares the same environment"));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if Instant::now() >= next {
                say("  waiting for another mlsys that prepares the same environment…".to_owned());
                next += STILL;
            }
            sleep(LOOK).await;
        }
    }

    /// Runs one step of an installation, saying now and then that it is still going on.
    async fn step(&self, step: &'static str, command: Command, say: Say<'_>) -> Result<(), PlatformError> {
        say(format!("  {step}…"));
        let (started, indented) = (Instant::now(), |text| say(format!("  {text}")));
        let running = timeout(Duration::from_mins(STEP_MINUTES), uv::run(command, &self.home, &indented, None));
        tokio::pin!(running);
        let mut next = started + STILL;
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                () = sleep_until(next) => {
                    say(format!("  still {step} ({} s)…", started.elapsed().as_secs()));
                    next += STILL;
                }
            }
        };
        match ended {
            Err(_) => Err(PlatformError::TimedOut(step)),
            Ok(Err(error)) => Err(PlatformError::Failed { step, reason: error.to_string() }),
            Ok(Ok(done)) => done.map_err(|said| PlatformError::Failed { step, reason: reason::shorten(&said) }),
        }
    }
}

/// A Python on this machine that the lock file is for.
///
/// # Errors
/// When there is none.
pub async fn base_python() -> Result<PathBuf, PlatformError> {
    let mut seen = Vec::new();
    for name in NAMES {
        let mut asked = Command::new(name);
        asked.args(["-c", WHO]).stdin(Stdio::null()).kill_on_drop(true);
        let Ok(Ok(answer)) = timeout(ANSWER, asked.output()).await else { continue };
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let mut words = text.trim().splitn(3, ' ');
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u32>().ok());
        let (Some(major), Some(minor), Some(path)) = (number(words.next()), number(words.next()), words.next()) else {
            continue;
        };
        if VERSIONS.contains(&(major, minor)) {
            return Ok(PathBuf::from(path));
        }
        seen.push(format!("{name} is {major}.{minor}"));
    }
    Err(PlatformError::NoPython(if seen.is_empty() { "none was found".to_owned() } else { seen.join(", ") }))
}

/// Makes sure that an interpreter has what a kernel, MLflow and the model-server need.
///
/// # Errors
/// When it has not.
pub async fn check(python: &Path) -> Result<(), PlatformError> {
    let unfit = |reason: String| PlatformError::Unfit { python: python.to_owned(), reason };
    let mut command = Command::new(python);
    command.args(["-c", LACKS]).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(ANSWER, command.output()).await {
        Err(_) => Err(unfit("it does not answer".to_owned())),
        Ok(Err(error)) => Err(unfit(format!("it can't be run: {error}"))),
        Ok(Ok(answer)) if answer.status.success() => Ok(()),
        Ok(Ok(answer)) => Err(unfit(String::from_utf8_lossy(&answer.stderr).trim().to_owned())),
    }
}

fn digest(lock: &str) -> String {
    hex::encode(Sha256::digest(lock))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> PlatformError {
    let path = path.to_owned();
    move |source| PlatformError::Io { path, source }
}
