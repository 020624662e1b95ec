//! Python environments for notebooks that name their dependencies: built with `uv`, cached by content.
//!
//! The order: a PEP 723 block in the notebook; `requirements.txt` or `pyproject.toml` beside it; the same at the
//! repository's root; the platform's own environment.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use pipeline::Contract;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::Mutex,
};

/// How long building an environment may take.
const BUILD_TIMEOUT: Duration = Duration::from_mins(30);
/// What a kernel of ours needs beside the notebook's own dependencies.
const KERNEL_NEEDS: [&str; 5] = ["ipykernel", "cloudpickle", "joblib", "nbformat", "mlflow-skinny"];
/// What the proof of an ONNX twin needs; a set of dependencies that can't have them goes without a twin.
const TWIN_NEEDS: [&str; 3] = ["skl2onnx", "onnx", "onnxruntime"];
/// What `uv` may see of our environment: how to reach the index, nothing secret of ours.
const UV_ENVIRONMENT: [&str; 12] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Why an environment could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The dependencies can't be installed; the end of what `uv` said.
    #[error("the dependencies in {source_name} can't be installed:\n{said}")]
    Unsatisfiable {
        /// Where they are named.
        source_name: String,
        /// The end of what `uv` said.
        said: String,
    },
    /// `uv` took too long.
    #[error("installing the dependencies took longer than {} minutes", BUILD_TIMEOUT.as_secs() / 60)]
    TimedOut,
    /// There is no `uv`.
    #[error(
        "the notebook names dependencies, and there is no `uv` to install them: install uv, or set MLSYS_UV to its path"
    )]
    NoUv,
    /// This machine's files.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A Python to run a notebook with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonEnvironment {
    /// Names the environment by its content; none is the platform's own.
    pub id: Option<String>,
    /// The interpreter.
    pub python: PathBuf,
}

/// The environments of this machine.
#[derive(Debug, Clone)]
pub struct Environments {
    directory: PathBuf,
    uv: PathBuf,
    platform: PathBuf,
    building: Arc<Mutex<HashMap<String, Arc<Mutex<()>>>>>,
}

/// What a notebook depends on.
struct Needs {
    source_name: String,
    /// The file that names them; none for the notebook itself.
    file: Option<PathBuf>,
    /// What names them, with the files that it includes.
    text: String,
    /// Where relative paths in it start.
    base: PathBuf,
    python: Option<String>,
}

impl Environments {
    /// Environments under `directory`, beside the platform's own interpreter.
    pub fn new(directory: PathBuf, uv: PathBuf, platform: PathBuf) -> Self {
        Self { directory, uv, platform, building: Arc::default() }
    }

    /// The environment for a notebook of a tree; builds it when it is not there yet. `say` hears what takes long.
    ///
    /// # Errors
    /// When the dependencies can't be installed.
    pub async fn resolve(
        &self,
        tree: &Path,
        notebook: &Path,
        contract: &Contract,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<PythonEnvironment, EnvironmentError> {
        let Some(needs) = Needs::find(tree, notebook, contract)? else {
            return Ok(PythonEnvironment { id: None, python: self.platform.clone() });
        };
        let id = needs.id(&self.platform);
        let target = self.directory.join(&id);
        let python = target.join("bin/python");
        let gate = self.building.lock().await.entry(id.clone()).or_default().clone();
        let _one_at_a_time = gate.lock().await;
        if !tokio::fs::try_exists(&python).await? {
            say(format!("building a Python environment from {} (kept for the next time)", needs.source_name));
            tokio::time::timeout(BUILD_TIMEOUT, self.build(&needs, &target, say))
                .await
                .map_err(|_| EnvironmentError::TimedOut)??;
        }
        Ok(PythonEnvironment { id: Some(id), python })
    }

    /// Builds beside the target and renames, so that an environment that is there is whole.
    async fn build(
        &self,
        needs: &Needs,
        target: &Path,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), EnvironmentError> {
        if !tokio::fs::try_exists(&self.uv).await? {
            return Err(EnvironmentError::NoUv);
        }
        tokio::fs::create_dir_all(&self.directory).await?;
        let scratch = tempfile::tempdir_in(&self.directory)?;
        // A file is read where it lies: it may name others, relative to itself.
        let file = needs.file.clone().unwrap_or_else(|| scratch.path().join("requirements.txt"));
        if needs.file.is_none() {
            tokio::fs::write(&file, &needs.text).await?;
        }
        let built = scratch.path().join("environment");
        let interpreter = needs.python.clone().unwrap_or_else(|| self.platform.display().to_string());
        let mut create = Command::new(&self.uv);
        create.args(["venv", "--quiet", "--relocatable", "--python", &interpreter]).arg(&built);
        let failed = |said| EnvironmentError::Unsatisfiable { source_name: needs.source_name.clone(), said };
        quiet(create, &needs.base, say).await?.map_err(failed)?;
        let install = |extra: &[&str]| {
            let mut install = Command::new(&self.uv);
            install.args(["pip", "install", "--compile-bytecode", "--python"]).arg(built.join("bin/python"));
            install.arg("-r").arg(&file).args(KERNEL_NEEDS).args(extra);
            install
        };
        if let Err(said) = quiet(install(&TWIN_NEEDS), &needs.base, say).await? {
            say("these dependencies leave no room for skl2onnx: the model will have no ONNX twin".to_owned());
            tracing::info!(said, "no ONNX libraries in this environment");
            quiet(install(&[]), &needs.base, say).await?.map_err(failed)?;
        }
        match tokio::fs::rename(&built, target).await {
            // Another worker on this machine built the same.
            Err(_) if tokio::fs::try_exists(target.join("bin/python")).await? => Ok(()),
            renamed => Ok(renamed?),
        }
    }
}

impl Needs {
    fn find(tree: &Path, notebook: &Path, contract: &Contract) -> std::io::Result<Option<Self>> {
        if let Some(list) = &contract.dependencies {
            return Ok(Some(Self {
                source_name: "the notebook's script block".to_owned(),
                file: None,
                text: list.join("\n"),
                base: tree.join(notebook).parent().unwrap_or(tree).to_owned(),
                python: contract.requires_python.clone(),
            }));
        }
        let beside = tree.join(notebook).parent().unwrap_or(tree).to_owned();
        for folder in [beside.as_path(), tree] {
            for file_name in ["requirements.txt", "pyproject.toml"] {
                let file = folder.join(file_name);
                if !file.is_file() {
                    continue;
                }
                let mut text = std::fs::read_to_string(&file)?;
                if file_name == "pyproject.toml" && !names_dependencies(&text) {
                    continue;
                }
                let source_name = file.strip_prefix(tree).unwrap_or(&file).display().to_string();
                append_included(&mut text, folder, MAX_INCLUDED)?;
                return Ok(Some(Self { source_name, file: Some(file), text, base: folder.to_owned(), python: None }));
            }
        }
        Ok(None)
    }

    /// Names the environment by all that shapes it.
    fn id(&self, platform: &Path) -> String {
        let mut hash = Sha256::new();
        let parts = [self.text.as_str(), self.python.as_deref().unwrap_or(""), &platform.to_string_lossy()];
        for part in parts.into_iter().chain(KERNEL_NEEDS).chain(TWIN_NEEDS) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..12])
    }
}

/// How deep requirements files may include each other.
const MAX_INCLUDED: u32 = 8;

/// Appends the files that a requirements file includes, so that the environment is named by them too.
fn append_included(text: &mut String, folder: &Path, depth: u32) -> std::io::Result<()> {
    let options = ["-r ", "-c ", "--requirement ", "--constraint "];
    let named =
        |line: &str| options.iter().find_map(|option| line.trim().strip_prefix(option)).map(|name| name.trim().to_owned());
    let included: Vec<_> =
        text.lines().filter_map(named).map(|name| folder.join(name)).filter(|file| file.is_file()).collect();
    for file in included {
        let mut more = std::fs::read_to_string(&file)?;
        if depth > 0 {
            append_included(&mut more, file.parent().unwrap_or(folder), depth - 1)?;
        }
        text.push('\n');
        text.push_str(&more);
    }
    Ok(())
}

/// Whether a `pyproject.toml` names dependencies: many only configure tools.
fn names_dependencies(text: &str) -> bool {
    let parsed: Result<BTreeMap<String, toml::Value>, _> = toml::from_str(text);
    parsed.is_ok_and(|table| table.get("project").and_then(|project| project.get("dependencies")).is_some())
}

/// Runs `uv`, passing on what it says; `Ok(Err(…))` holds the end of what it said when it failed.
async fn quiet(
    mut command: Command,
    directory: &Path,
    say: &(dyn Fn(String) + Send + Sync),
) -> std::io::Result<Result<(), String>> {
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_clear().env("UV_PYTHON_DOWNLOADS", "never");
    let passed = |name: &str| UV_ENVIRONMENT.contains(&name) || name.starts_with("UV_") || name.starts_with("PIP_");
    command.envs(std::env::vars().filter(|(name, _)| passed(name)));
    let mut child = command.spawn()?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            say(format!("uv: {line}"));
            said.push(line);
        }
    }
    if child.wait().await?.success() {
        return Ok(Ok(()));
    }
    let from = said.len().saturating_sub(20);
    Ok(Err(said[from..].join("\n")))
}
