//! Environments for notebooks that name their dependencies: built with `uv`, cached by content.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{process::Command, sync::Mutex};

use crate::{
    kept::PythonEnvironment,
    reason,
    requirements::{Needs, RequirementsError, Script},
    uv,
};

/// Compiles an environment's packages.
const COMPILE: &str = include_str!("compile.py");
/// How long building an environment may take.
const BUILD_TIMEOUT: Duration = Duration::from_mins(30);
/// What a kernel of ours needs beside the notebook's own dependencies.
const KERNEL_NEEDS: [&str; 5] = ["ipykernel", "cloudpickle", "joblib", "nbformat", "mlflow-skinny"];
/// What conversion to ONNX and its verification need; dependencies that leave no room for them go without a converted model.
const CONVERSION_NEEDS: [&str; 3] = ["skl2onnx", "onnx", "onnxruntime"];

/// Why an environment could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// What names the dependencies can't be read.
    #[error(transparent)]
    Requirements(RequirementsError),
    /// The dependencies can't be had, whatever else is installed.
    #[error("the dependencies in {source_name} can't be installed: {reason}")]
    Unsatisfiable {
        /// Where they are named.
        source_name: String,
        /// Why, in `uv`'s words.
        reason: String,
    },
    /// The dependencies can be had, and not together with what running a notebook needs.
    #[error(
        "the dependencies in {source_name} can be installed, but not together with what mlsys needs to run a notebook ({}): {reason}",
        KERNEL_NEEDS.join(", ")
    )]
    Conflict {
        /// Where they are named.
        source_name: String,
        /// What is in conflict, in `uv`'s words.
        reason: String,
    },
    /// A dependency is to be had elsewhere, and only wheels of the index are allowed.
    #[error(
        "{source_name} names {what}: only wheels of the package index are installed here; put it there, or set \
         ALLOW_SOURCE_BUILDS=true if you trust what repositories build and fetch"
    )]
    BeyondIndex {
        /// Where it is named.
        source_name: String,
        /// What is named.
        what: String,
    },
    /// `uv` took too long.
    #[error("installing the dependencies took longer than {} minutes", BUILD_TIMEOUT.as_secs() / 60)]
    TimedOut,
    /// There is no `uv`.
    #[error(
        "the notebook names dependencies, and there is no `uv` to install them: install uv, or set MLSYS_UV to its path"
    )]
    NoUv,
    /// `uv`, or what it built, took more memory than it may.
    #[error(
        "installing the dependencies took {} MiB of memory, over the limit of {} MiB; name fewer of them, or raise \
         BUILD_MEMORY_LIMIT_MB",
        peak >> 20,
        limit >> 20
    )]
    OutOfMemory {
        /// The limit, in bytes.
        limit: u64,
        /// What it had, in bytes.
        peak: u64,
    },
    /// This machine's files.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<RequirementsError> for EnvironmentError {
    fn from(error: RequirementsError) -> Self {
        match error {
            RequirementsError::Io(error) => Self::Io(error),
            other => Self::Requirements(other),
        }
    }
}

impl From<uv::Stopped> for EnvironmentError {
    fn from(stopped: uv::Stopped) -> Self {
        match stopped {
            uv::Stopped::Io(error) => Self::Io(error),
            uv::Stopped::OutOfMemory { limit, peak } => Self::OutOfMemory { limit, peak },
        }
    }
}

/// The environments of this machine.
#[derive(Debug, Clone)]
pub struct Environments {
    pub(crate) directory: PathBuf,
    uv: PathBuf,
    platform: PathBuf,
    /// Whether packages may be built here, and be had from elsewhere than the index.
    sources: bool,
    /// The most memory that building one may take, in bytes.
    memory_limit: Option<u64>,
    building: Arc<Mutex<HashMap<String, Arc<Mutex<()>>>>>,
}

impl Environments {
    /// Environments under `directory`, beside the platform's own interpreter.
    pub fn new(directory: PathBuf, uv: PathBuf, platform: PathBuf) -> Self {
        Self { directory, uv, platform, sources: false, memory_limit: None, building: Arc::default() }
    }

    /// The same, where packages may also be built from their sources, and be had from paths and URLs.
    #[must_use]
    pub fn with_sources(self, allowed: bool) -> Self {
        Self { sources: allowed, ..self }
    }

    /// The same, where building one may take so much memory, in bytes.
    #[must_use]
    pub fn with_memory_limit(self, limit: Option<u64>) -> Self {
        Self { memory_limit: limit, ..self }
    }

    /// The folder that they are in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What builds environments.
    pub fn uv(&self) -> &Path {
        &self.uv
    }

    /// The platform's own environment.
    pub fn platform(&self) -> PythonEnvironment {
        PythonEnvironment::platform(self.platform.clone())
    }

    /// The environment for a notebook of a repository's tree; builds it when it is not there yet. `say` hears what takes long.
    /// What is had from the repository itself is shared with no other one.
    ///
    /// # Errors
    /// When the dependencies can't be read or installed.
    pub async fn resolve(
        &self,
        repository: &str,
        (tree, notebook): (&Path, &Path),
        script: Script<'_>,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<PythonEnvironment, EnvironmentError> {
        let Some(needs) = Needs::find(tree, notebook, script, say)? else {
            return Ok(self.platform());
        };
        if let (false, Some(what)) = (self.sources, needs.beyond_index.clone()) {
            return Err(EnvironmentError::BeyondIndex { source_name: needs.source_name, what });
        }
        let id = self.id(&needs, repository);
        let target = self.directory.join(&id);
        let gate = self.building.lock().await.entry(id.clone()).or_default().clone();
        let one_at_a_time = gate.lock().await;
        let found = loop {
            // What is there may be removed before it is held; then it is built again.
            if let Some(found) = PythonEnvironment::hold(&self.directory, &id)? {
                break found;
            }
            say(format!("building a Python environment from {} (kept for the next time)", needs.source_name));
            tokio::time::timeout(BUILD_TIMEOUT, self.build(&needs, tree, &target, say))
                .await
                .map_err(|_| EnvironmentError::TimedOut)??;
        };
        drop(one_at_a_time);
        self.building.lock().await.retain(|_, gate| Arc::strong_count(gate) > 1);
        Ok(found)
    }

    /// Names the environment by all that shapes it.
    fn id(&self, needs: &Needs, repository: &str) -> String {
        let repository = if needs.local.is_empty() { "" } else { repository };
        let mut hash = Sha256::new();
        let python = needs.python.as_deref().unwrap_or("");
        let platform = self.platform.to_string_lossy();
        let parts = [needs.text.as_str(), &needs.constraints, &needs.local, repository, needs.file_name, python, &*platform];
        for part in parts.into_iter().chain(KERNEL_NEEDS).chain(CONVERSION_NEEDS) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hex::encode(&hash.finalize()[..12])
    }

    /// Builds beside the target and renames, so that an environment that is there is whole.
    async fn build(
        &self,
        needs: &Needs,
        tree: &Path,
        target: &Path,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<(), EnvironmentError> {
        if !tokio::fs::try_exists(&self.uv).await? {
            return Err(EnvironmentError::NoUv);
        }
        tokio::fs::create_dir_all(&self.directory).await?;
        let scratch = tempfile::tempdir_in(&self.directory)?;
        // Packages are built by code of their own, and so is the repository's.
        let cache = uv::cache(self.sources);
        let confinement = uv::confinement(&self.uv, &self.platform, (scratch.path(), &cache), tree)?;
        let confined = Some(&uv::Bounds { confinement, memory_limit: self.memory_limit });
        // `uv` reads what was decoded; relative paths start where the file lies.
        let (decoded, constraints) = (scratch.path().join(needs.file_name), scratch.path().join("constraints.txt"));
        tokio::fs::write(&decoded, &needs.text).await?;
        let file = needs.original.as_ref().unwrap_or(&decoded);
        tokio::fs::write(&constraints, &needs.constraints).await?;
        let built = scratch.path().join("environment");
        let interpreter = needs.python.clone().unwrap_or_else(|| self.platform.display().to_string());
        let failed = |said: String| EnvironmentError::Unsatisfiable {
            source_name: needs.source_name.clone(),
            reason: reason::shorten(&said.replace(&*file.to_string_lossy(), &needs.source_name)),
        };
        let command = |words: &[&str]| {
            let mut command = Command::new(&self.uv);
            command.arg("--cache-dir").arg(&cache).args(words);
            if needs.no_settings {
                command.arg("--no-config");
            }
            command
        };
        let mut create = command(&["venv", "--quiet", "--relocatable", "--python", &interpreter]);
        create.arg(&built);
        uv::run(create, &needs.base, say, confined).await?.map_err(failed)?;
        let install = |extra: &[&str]| {
            // Compiling afterwards: `uv` would do it with whatever the packages have Python run at its start.
            let mut install = command(&["pip", "install", "--python"]);
            install
                .arg(built.join("bin/python"))
                .args(if self.sources {
                    // Not linked: what one build writes to the cache would be in the environments that are there.
                    &["--link-mode", "copy"][..]
                } else {
                    &["--no-build"]
                })
                .arg("-r")
                .arg(file)
                .arg("-c")
                .arg(&constraints)
                .args(extra);
            install
        };
        let with_conversion = [&KERNEL_NEEDS[..], &CONVERSION_NEEDS].concat();
        if uv::run(install(&with_conversion), &needs.base, say, confined).await?.is_err() {
            // By themselves: what can't be had at all is no conflict with anything of ours.
            uv::run(install(&["--dry-run", "--quiet"]), &needs.base, say, confined).await?.map_err(failed)?;
            say("these dependencies leave no room for skl2onnx: trying without, the model will not be converted to ONNX"
                .to_owned());
            uv::run(install(&KERNEL_NEEDS), &needs.base, say, confined).await?.map_err(|said| {
                match failed(said.clone()) {
                    EnvironmentError::Unsatisfiable { source_name, reason } if reason::is_conflict(&said) => {
                        EnvironmentError::Conflict { source_name, reason }
                    }
                    other => other,
                }
            })?;
        }
        let mut compile = Command::new(built.join("bin/python"));
        let platform = self.platform.parent().and_then(Path::parent).unwrap_or(&self.platform);
        compile.args(["-I", "-S", "-c", COMPILE]).arg(&built).arg(platform);
        // What is not compiled takes longer to start, and nothing else.
        let _ = uv::run(compile, &needs.base, say, confined).await?;
        match tokio::fs::rename(&built, target).await {
            // Another worker on this machine built the same.
            Err(_) if tokio::fs::try_exists(target.join("bin/python")).await? => Ok(()),
            renamed => Ok(renamed?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of the environment for a repository with this list of requirements and this code of a package in it.
    fn id(repository: &str, list: &str, code: &str) -> String {
        let tree = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(tree.path().join("package")).expect("a folder");
        std::fs::write(tree.path().join("package/code.py"), code).expect("written");
        std::fs::write(tree.path().join("requirements.txt"), list).expect("written");
        let needs = Needs::find(tree.path(), Path::new("n.ipynb"), Script::default(), &|_| {});
        let environments = Environments::new("/environments".into(), "/uv".into(), "/python".into());
        environments.id(&needs.expect("readable").expect("something is needed"), repository)
    }

    #[test]
    fn what_is_had_from_a_repository_is_shared_with_no_other_one() {
        for list in ["./package", "package/", "package @ file:package", "-r more.toml\nsix", "six\n-f package"] {
            assert_eq!(id("octocat/own", list, "1"), id("octocat/own", list, "1"), "{list}");
            assert_ne!(id("octocat/own", list, "1"), id("octocat/own", list, "2"), "{list}");
            assert_ne!(id("octocat/own", list, "1"), id("attacker/other", list, "1"), "{list}");
        }
        assert_eq!(
            id("octocat/own", "six==1.16.0", "1"),
            id("octocat/other", "six==1.16.0", "2"),
            "that is the same everywhere"
        );
    }
}
