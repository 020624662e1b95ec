//! Runs git on a bare repository, untouched by the caller's environment and configuration.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::ForgeError;

/// No question to a repository on this machine should take longer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A bare repository.
pub(crate) struct Git {
    dir: PathBuf,
}

impl Git {
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// A git command that dies with its handle and reads nothing from the terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        // A hook runs with GIT_DIR and others set, which would lead git to another repository.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
            command.env_remove(name);
        }
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .args(["-c", "safe.directory=*", "--git-dir"])
            .arg(&self.dir)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// What a command prints; an exit code other than 0 is an error.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, ForgeError> {
        let output = self.output(arguments).await?;
        if output.status.success() { Ok(output.stdout) } else { Err(failure(arguments, &output)) }
    }

    /// The line that a command prints, or nothing when it exits with 1: git's "no".
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Result<Option<String>, ForgeError> {
        let output = self.output(arguments).await?;
        match output.status.code() {
            Some(0) => Ok(Some(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())),
            Some(1) => Ok(None),
            _ => Err(failure(arguments, &output)),
        }
    }

    async fn output(&self, arguments: &[&str]) -> Result<Output, ForgeError> {
        match timeout(TIMEOUT, self.command(arguments).output()).await {
            Ok(output) => output.map_err(|error| ForgeError::Git(format!("git does not start: {error}; is it installed?"))),
            Err(_) => Err(ForgeError::Unavailable(format!("git {} took over {} s", arguments[0], TIMEOUT.as_secs()))),
        }
    }
}

/// A failed command as an error, in git's own words.
pub(crate) fn failure(arguments: &[&str], output: &Output) -> ForgeError {
    let words = String::from_utf8_lossy(&output.stderr);
    ForgeError::Git(format!("git {} failed ({}): {}", arguments[0], output.status, words.trim()))
}

/// The fields of an output that ends each with a NUL byte, as `-z` asks for. Paths come unquoted this way.
pub(crate) fn fields(output: &[u8]) -> impl Iterator<Item = String> {
    let fields = output.strip_suffix(b"\0").unwrap_or(output).split(|byte| *byte == 0);
    fields.filter(|_| !output.is_empty()).map(|field| String::from_utf8_lossy(field).into_owned())
}
