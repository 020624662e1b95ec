//! One model's process.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
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
const ENVIRONMENT: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"];

/// A process that is ready, at the head of its own process group. The group is killed with it.
pub(super) struct Child {
    process: tokio::process::Child,
    group: Option<Pid>,
    input: ChildStdin,
    output: ChildStdout,
}

impl Child {
    /// Starts a model's process and waits until it is ready, or says why it is not.
    pub(super) async fn start(launch: &Launch) -> Result<Self, String> {
        let mut process = Command::new(&launch.python)
            .arg(&launch.program)
            .arg(&launch.folder)
            .current_dir(&launch.folder)
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", launch.python.display()))?;
        let (Some(input), Some(output), Some(errors)) = (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err("the process has no pipes".to_owned());
        };
        let words = tokio::spawn(last_words(errors));
        let group = process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let mut child = Self { process, group, input, output };
        let refused = match tokio::time::timeout(START_LIMIT, child.greeting()).await {
            Ok(Ok(Greeting { ready: true, .. })) => return Ok(child),
            Ok(Ok(Greeting { error, .. })) => error.unwrap_or_else(|| "the process is not ready".to_owned()),
            Ok(Err(error)) => format!("the process ended before it was ready: {error}"),
            Err(_) => "the process was not ready in time".to_owned(),
        };
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

    /// Waits for the process's end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.wait().await
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.kill_group();
        if let Err(error) = self.process.wait().await {
            tracing::warn!(%error, "a model's process could not be waited for");
        }
    }

    fn kill_group(&mut self) {
        // Once: afterwards the number may be another group's.
        if let Some(group) = self.group.take() {
            // An error means that nobody is left.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_group();
    }
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
