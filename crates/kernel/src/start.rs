//! A kernel from its start to its end.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use jupyter_protocol::{ConnectionInfo, connection_info::Transport};
use serde_json::Value;
use tokio::{io::AsyncReadExt, process::ChildStdout, time::timeout};
use uuid::Uuid;

use crate::{
    KernelError, KernelSpec, Room,
    process::{Process, connection_file, private_directory},
    wire::Wire,
};

/// How long a kernel may take to start.
const START: Duration = Duration::from_mins(1);
/// How long a kernel may take to end when asked.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// How long to wait for a sign of the broadcast subscription before asking again.
const SUBSCRIPTION: Duration = Duration::from_millis(100);

/// A kernel that has answered and runs nothing yet. Dropping it kills its process group.
pub struct Kernel {
    pub(crate) process: Process,
    pub(crate) wire: Box<Wire>,
    pub(crate) memory_limit: Option<u64>,
    /// Its broadcasts have stopped: it fails to tell when it is idle.
    pub(crate) mute: bool,
    /// The notebook's `language_info`, as the kernel describes itself.
    pub(crate) language: Value,
}

impl Kernel {
    /// Starts a kernel and waits until it answers.
    ///
    /// # Errors
    /// When Python cannot be started, ends, or does not answer within a minute.
    pub async fn start(spec: &KernelSpec) -> Result<Self, KernelError> {
        Self::start_with(spec, &[]).await
    }

    /// Starts a kernel that imports modules before it is ready.
    pub(crate) async fn start_with(spec: &KernelSpec, preload: &[String]) -> Result<Self, KernelError> {
        let directory = private_directory()?;
        let info = connection_info(directory.path());
        write_private(&connection_file(directory.path()), &info)?;
        let (mut process, ready) = Process::spawn(spec, preload, directory)?;
        let python = || spec.python.clone();
        let connected = tokio::select! {
            connected = timeout(START, connect(&info, ready)) => connected,
            cause = process.ended() => {
                return Err(KernelError::EndedAtStart { python: python(), cause, stderr: process.log_tail() });
            }
        };
        let Ok(connected) = connected else {
            process.kill();
            process.reap(SHUTDOWN).await;
            return Err(KernelError::NoAnswer { python: python(), after: START });
        };
        let (wire, language) = connected?;
        std::fs::remove_file(connection_file(process.directory()))?;
        Ok(Self { process, wire: Box::new(wire), memory_limit: spec.memory_limit, mute: false, language })
    }

    /// Asks the kernel to end, and kills it and its children where they do not.
    pub async fn shutdown(mut self) {
        if self.wire.ask_shutdown().await.is_err() {
            self.process.kill();
        }
        self.process.reap(SHUTDOWN).await;
    }

    /// Kills the kernel and its children.
    pub(crate) async fn kill(mut self) {
        self.process.kill();
        self.process.reap(SHUTDOWN).await;
    }

    /// The room of a confined kernel, which is removed when it is dropped: to be held until the kernel has ended, and what is
    /// wanted of it is elsewhere.
    pub fn take_room(&mut self) -> Option<Room> {
        self.process.take_room()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }
}

fn connection_info(directory: &Path) -> ConnectionInfo {
    ConnectionInfo {
        transport: Transport::IPC,
        ip: directory.join("s").to_string_lossy().into_owned(),
        shell_port: 1,
        iopub_port: 2,
        stdin_port: 3,
        control_port: 4,
        hb_port: 5,
        signature_scheme: "hmac-sha256".to_owned(),
        key: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
        kernel_name: Some("python3".to_owned()),
    }
}

fn write_private(path: &Path, info: &ConnectionInfo) -> Result<(), KernelError> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let text = serde_json::to_vec(info).map_err(std::io::Error::from)?;
    Ok(file.write_all(&text)?)
}

/// Connects once the kernel says it is ready, and waits until it answers on both sockets.
async fn connect(info: &ConnectionInfo, mut ready: ChildStdout) -> Result<(Wire, Value), KernelError> {
    if ready.read(&mut [0]).await? == 0 {
        // The process is about to end, and its end says why.
        std::future::pending::<()>().await;
    }
    let mut wire = Wire::connect(info).await?;
    wire.ask_info().await?;
    let mut reply = wire.reply().await?;
    let language = reply.take("language_info");
    // Broadcasts before the subscription has arrived are lost, so wait for one: a welcome, or the status of a request.
    while timeout(SUBSCRIPTION, wire.broadcast()).await.is_err() {
        wire.ask_info().await?;
        wire.reply().await?;
    }
    Ok((wire, language))
}
