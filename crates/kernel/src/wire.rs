//! The sockets to a kernel. Messages are verified here and read as plain JSON, because a message that some typed
//! reader does not understand must not end a run.

use jupyter_protocol::{ConnectionInfo, ExecuteRequest, JupyterMessage, KernelInfoRequest, ShutdownRequest};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, Connection, RawMessage, RuntimeError,
    create_client_control_connection, create_client_iopub_connection, create_client_shell_connection_with_identity,
    peer_identity_for_session,
};
use serde_json::{Map, Value};
use uuid::Uuid;
use zeromq::{SocketRecv, SocketSend};

use crate::KernelError;

/// A message from the kernel.
#[derive(Debug)]
pub(crate) struct Message {
    /// The message's type, such as `stream`.
    pub(crate) kind: String,
    /// The id of the request it belongs to; empty when there is none.
    pub(crate) parent: String,
    pub(crate) content: Map<String, Value>,
}

impl Message {
    /// A text of the content; empty when there is none of that name.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.content.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A list of texts of the content.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.content.get(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Takes a value out of the content; null when there is none of that name.
    pub(crate) fn take(&mut self, name: &str) -> Value {
        self.content.remove(name).unwrap_or_default()
    }
}

/// The three sockets that a run needs.
pub(crate) struct Wire {
    shell: ClientShellConnection,
    control: ClientControlConnection,
    iopub: ClientIoPubConnection,
}

impl Wire {
    pub(crate) async fn connect(info: &ConnectionInfo) -> Result<Self, KernelError> {
        let session = Uuid::new_v4().to_string();
        let identity = peer_identity_for_session(&session)?;
        let iopub = create_client_iopub_connection(info, "", &session).await?;
        let shell = create_client_shell_connection_with_identity(info, &session, identity).await?;
        let control = create_client_control_connection(info, &session).await?;
        Ok(Self { shell, control, iopub })
    }

    /// Sends a request for execution; the answer is its id.
    pub(crate) async fn execute(&mut self, request: ExecuteRequest) -> Result<String, KernelError> {
        send(&mut self.shell, request.into()).await
    }

    pub(crate) async fn ask_info(&mut self) -> Result<String, KernelError> {
        send(&mut self.shell, KernelInfoRequest {}.into()).await
    }

    pub(crate) async fn ask_shutdown(&mut self) -> Result<String, KernelError> {
        send(&mut self.control, ShutdownRequest { restart: false }.into()).await
    }

    /// The next reply. Cancel-safe.
    pub(crate) async fn reply(&mut self) -> Result<Message, KernelError> {
        receive(&mut self.shell).await
    }

    /// The next broadcast. Cancel-safe.
    pub(crate) async fn broadcast(&mut self) -> Result<Message, KernelError> {
        receive(&mut self.iopub).await
    }

    /// The next reply or broadcast. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, KernelError> {
        tokio::select! {
            message = receive(&mut self.iopub) => message.map(Incoming::Broadcast),
            message = receive(&mut self.shell) => message.map(Incoming::Reply),
        }
    }
}

/// Where a message came in.
pub(crate) enum Incoming {
    Reply(Message),
    Broadcast(Message),
}

async fn send<S: SocketSend>(connection: &mut Connection<S>, message: JupyterMessage) -> Result<String, KernelError> {
    let id = message.header.msg_id.clone();
    connection.send(message).await?;
    Ok(id)
}

/// Receives the next message that is signed with our key.
async fn receive<S: SocketRecv>(connection: &mut Connection<S>) -> Result<Message, KernelError> {
    loop {
        let frames = connection.socket.recv().await.map_err(RuntimeError::from)?;
        match RawMessage::from_multipart(frames, &connection.mac) {
            Ok(RawMessage { jparts, .. }) if jparts.len() >= 4 => {
                let (mut header, mut parent) = (object(&jparts[0]), object(&jparts[1]));
                let text =
                    |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
                let (kind, parent) = (text(header.remove("msg_type")), text(parent.remove("msg_id")));
                return Ok(Message { kind, parent, content: object(&jparts[3]) });
            }
            Ok(_) => tracing::warn!("dropped a kernel message with missing parts"),
            Err(error) => tracing::warn!(%error, "dropped a kernel message that could not be verified"),
        }
    }
}

/// A JSON object. Text that is not UTF-8 loses the bad parts; what is still not an object comes out empty.
fn object(bytes: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(bytes).or_else(|_| serde_json::from_str(&String::from_utf8_lossy(bytes))).unwrap_or_else(
        |error| {
            tracing::warn!(%error, "a kernel message has a part that is not a JSON object");
            Map::new()
        },
    )
}

impl From<RuntimeError> for KernelError {
    fn from(error: RuntimeError) -> Self {
        Self::Wire(error.to_string())
    }
}
