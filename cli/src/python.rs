//! The platform's own Python environment: MLflow, ipykernel and the libraries of ordinary notebooks, from a lock file.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::{home::Home, settings::Settings};

/// What is installed, exactly; made by `cargo xtask lock-python`.
const LOCK: &str = include_str!("../../crates/python/platform/requirements.lock");
/// The `uv` that installs it.
const UV: &str = "uv==0.13.8";
/// The Pythons that the lock file is for.
const VERSIONS: std::ops::RangeInclusive<(u32, u32)> = (3, 11)..=(3, 14);
/// In the environment: the digest of the lock file it was made from. Written last.
const MARKER: &str = "mlsys.lock";
/// How long one step of an installation may take.
const STEP_TIMEOUT: Duration = Duration::from_mins(30);

/// The interpreter of the platform's environment; makes the environment when it is missing or not what this mlsys was
/// made for. Says what it does.
pub(crate) async fn prepare(settings: &Settings) -> anyhow::Result<PathBuf> {
    if let Some(python) = installed(settings) {
        return Ok(python);
    }
    let home = Home::open(&settings.home)?;
    let environment = home.join("python");
    let python = environment.join("bin/python");
    let started = Instant::now();
    eprintln!("Preparing the Python environment in {} (once; about a minute)…", environment.display());
    let base = base_python().await?;
    let uv = uv(settings, &home, &base).await?;
    let mut create = Command::new(&uv);
    create.args(["venv", "--quiet", "--clear", "--python"]).arg(&base).arg(&environment);
    step("creating it", create).await?;
    let lock = home.join("requirements.lock");
    std::fs::write(&lock, LOCK).with_context(|| lock.display().to_string())?;
    let mut install = Command::new(&uv);
    install.args(["pip", "install", "--require-hashes", "--compile-bytecode", "--python"]).arg(&python).arg("-r").arg(&lock);
    // Compiled ahead, MLflow is up in seconds instead of half a minute.
    install.env_remove("PYTHONDONTWRITEBYTECODE");
    step("installing packages and compiling them", install).await?;
    let marker = environment.join(MARKER);
    std::fs::write(&marker, lock_digest()).with_context(|| marker.display().to_string())?;
    eprintln!("The Python environment is ready ({:.0} s).", started.elapsed().as_secs_f64());
    Ok(python)
}

/// The interpreter of the environment that is there and is what this mlsys was made for, or that was set.
pub(crate) fn installed(settings: &Settings) -> Option<PathBuf> {
    if let Some(python) = settings.get("MLSYS_PYTHON") {
        return Some(PathBuf::from(python));
    }
    let environment = settings.home.join("python");
    let python = environment.join("bin/python");
    let made_for = std::fs::read_to_string(environment.join(MARKER)).ok()?;
    (python.exists() && made_for == lock_digest()).then_some(python)
}

fn lock_digest() -> String {
    hex::encode(Sha256::digest(LOCK))
}

/// Where the `uv` is that was set, or will be our own.
pub(crate) fn uv_path(settings: &Settings, home: &Home) -> PathBuf {
    settings.get("MLSYS_UV").map_or_else(|| home.join("uv/bin/uv"), PathBuf::from)
}

/// The `uv` that builds environments: the one that was set, or our own in the home.
pub(crate) async fn uv(settings: &Settings, home: &Home, base: &Path) -> anyhow::Result<PathBuf> {
    if let Some(uv) = settings.get("MLSYS_UV") {
        return Ok(PathBuf::from(uv));
    }
    let environment = home.join("uv");
    let (uv, marker) = (environment.join("bin/uv"), environment.join("mlsys.version"));
    if uv.exists() && std::fs::read_to_string(&marker).is_ok_and(|version| version == UV) {
        return Ok(uv);
    }
    let mut create = Command::new(base);
    create.args(["-m", "venv", "--clear"]).arg(&environment);
    step("making room for uv (Debian and Ubuntu need the package python3-venv for this)", create).await?;
    let mut install = Command::new(environment.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV]);
    step("installing uv", install).await?;
    std::fs::write(&marker, UV).with_context(|| marker.display().to_string())?;
    Ok(uv)
}

/// Makes sure that there is a `uv` for notebooks that name dependencies; without one, only those notebooks fail.
pub(crate) async fn ensure_uv(settings: &Settings, home: &Home) -> anyhow::Result<()> {
    let base = base_python().await?;
    uv(settings, home, &base).await.map(drop)
}

/// A Python on this machine that the lock file is for.
pub(crate) async fn base_python() -> anyhow::Result<PathBuf> {
    let mut seen = Vec::new();
    for name in ["python3", "python3.13", "python3.12", "python3.11", "python3.14"] {
        let code = "import sys; print(*sys.version_info[:2], sys.executable)";
        let Ok(answer) = Command::new(name).args(["-c", code]).stdin(Stdio::null()).output().await else { continue };
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
    let seen = if seen.is_empty() { "none was found".to_owned() } else { seen.join(", ") };
    bail!(
        "Python 3.11 to 3.14 is needed; {seen}. Install one (Debian: apt install python3 python3-venv), or set MLSYS_PYTHON"
    )
}

/// Makes sure that an interpreter has what a kernel, MLflow and the model-server need.
pub(crate) async fn check(python: &Path) -> anyhow::Result<()> {
    let code = "import importlib.util, sys\n\
        missing = [m for m in ('ipykernel', 'mlflow', 'onnxruntime', 'sklearn', 'cloudpickle') if importlib.util.find_spec(m) is None]\n\
        sys.exit('it lacks ' + ', '.join(missing) if missing else 0)";
    let mut command = Command::new(python);
    command.args(["-c", code]).stdin(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(Duration::from_mins(1), command.output()).await;
    let answer = answer.context("it did not answer")?.with_context(|| format!("{} can't be run", python.display()))?;
    if !answer.status.success() {
        bail!("{}: {}", python.display(), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(())
}

/// Runs one step of an installation, saying every ten seconds that it is still going on.
async fn step(what: &str, mut command: Command) -> anyhow::Result<()> {
    eprintln!("  {what}…");
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    let mut child = command.spawn().with_context(|| format!("{} can't be run", Path::new(&program).display()))?;
    let started = Instant::now();
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                if status.success() {
                    return Ok(());
                }
                bail!("{what} failed ({status}); its messages are above");
            }
            () = tokio::time::sleep(Duration::from_secs(10)) => {
                if started.elapsed() > STEP_TIMEOUT {
                    bail!("{what} took longer than {} minutes", STEP_TIMEOUT.as_secs() / 60);
                }
                eprintln!("  still {what} ({} s)…", started.elapsed().as_secs());
            }
        }
    }
}
