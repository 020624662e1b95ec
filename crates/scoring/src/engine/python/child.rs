//! One model's process.

use std::{
    io,
    process::{ExitStatus, Stdio},
    sync::PoisonError,
    time::Duration,
};

use sandbox::{Confinement, Egress, Family, Watch, python_folders};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout, Command},
};

use super::{Launch, frame::Greeting};

/// The longest a process may take until it is ready: imports and unpickling.
const START_LIMIT: Duration = Duration::from_mins(2);
/// The longest frame that is read, in bytes.
const FRAME_LIMIT: usize = 256 * 1024 * 1024;
/// How much of what a process says before it fails to start is kept, in bytes.
const LAST_WORDS: usize = 4096;
/// What a model's process may know of our environment: nothing that could be a secret.
const ENVIRONMENT: &[&str] = &["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"];

/// A process that is ready. What it started is killed with it.
pub(super) struct Child {
    process: Family,
    memory: Watch,
    input: ChildStdin,
    output: ChildStdout,
    /// All that it can write to.
    _home: TempDir,
}

impl Child {
    /// Starts a model's process and waits until it is ready, or says why it is not.
    pub(super) async fn start(launch: &Launch) -> Result<Self, String> {
        let started = spawn(launch).map_err(|error| format!("{}: {error}", launch.python.display()));
        let (mut process, home) = started?;
        let (Some(input), Some(output), Some(errors)) = process.pipes() else {
            return Err("the process has no pipes".to_owned());
        };
        let words = tokio::spawn(last_words(errors));
        let memory = Watch::start(&process, launch.memory_limit);
        let mut child = Self { process, memory, input, output, _home: home };
        let refused = match tokio::time::timeout(START_LIMIT, child.greeting()).await {
            Ok(Ok(Greeting { ready: true, .. })) => {
                *launch.footprint.lock().unwrap_or_else(PoisonError::into_inner) = Some(child.memory.footprint());
                return Ok(child);
            }
            Ok(Ok(Greeting { error, .. })) => error.unwrap_or_else(|| "the process is not ready".to_owned()),
            Ok(Err(error)) => format!("the process ended before it was ready: {error}"),
            Err(_) => "the process was not ready in time".to_owned(),
        };
        let refused = child.over_limit().unwrap_or(refused);
        drop(child);
        let words = words.await.unwrap_or_default();
        tracing::warn!(reason = refused, python.stderr = words, "a model's process did not start");
        Err(refused)
    }

    async fn greeting(&mut self) -> io::Result<Greeting> {
        Ok(serde_json::from_slice(&self.read().await?)?)
    }

    /// Sends a request and reads the answer.
    pub(super) async fn ask(&mut self, id: u64, request: &[u8]) -> io::Result<Vec<u8>> {
        let head = format!("{{\"id\":{id}");
        let length = u32::try_from(head.len() + request.len()).map_err(io::Error::other)?;
        let mut frame = Vec::with_capacity(4 + head.len() + request.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(head.as_bytes());
        frame.extend_from_slice(request);
        self.input.write_all(&frame).await?;
        self.input.flush().await?;
        self.read().await
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        let length = self.output.read_u32_le().await? as usize;
        if length > FRAME_LIMIT {
            return Err(io::Error::other("the frame is too long"));
        }
        let mut frame = vec![0; length];
        self.output.read_exact(&mut frame).await?;
        Ok(frame)
    }

    /// How much memory the process took, if it was killed for that.
    pub(super) fn over_limit(&self) -> Option<String> {
        let limit = self.memory.limit().filter(|_| self.memory.is_over_limit())?;
        let peak = self.memory.peak().unwrap_or(limit);
        let (peak, limit) = (peak >> 20, limit >> 20);
        Some(format!("it took {peak} MiB of memory, over the limit of {limit} MiB; raise MODEL_MEMORY_LIMIT_MB"))
    }

    /// Waits for the process's end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.process.kill();
        if let Err(error) = self.process.wait().await {
            tracing::warn!(%error, "a model's process could not be waited for");
        }
    }
}

/// A model is code of whoever trained it, and needs no more than its own files.
fn spawn(launch: &Launch) -> io::Result<(Family, TempDir)> {
    let home = tempfile::Builder::new().prefix("mlsys-m-").tempdir()?;
    let mut command = Command::new(&launch.python);
    command.arg(&launch.program).arg(&launch.folder).current_dir(&launch.folder).env_clear();
    command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.env("HOME", home.path()).env("TMPDIR", home.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut read = python_folders(&launch.python);
    read.extend([launch.program.clone(), launch.folder.clone()]);
    let write = vec![home.path().to_owned()];
    let confinement = Confinement { read, write, egress: Egress::none(), ..Confinement::default() };
    Ok((sandbox::spawn(command, Some(&confinement))?, home))
}

/// The end of what a process says on its standard error; read on until its end, so that it is never held up.
async fn last_words(mut errors: impl AsyncRead + Unpin) -> String {
    let (mut words, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        words.extend_from_slice(&chunk[..read]);
        words.drain(..words.len().saturating_sub(LAST_WORDS));
    }
    String::from_utf8_lossy(&words).into_owned()
}
