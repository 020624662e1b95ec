//! The sockets to a kernel: the Jupyter wire protocol over [`zmtp`](crate::zmtp). Messages are verified here and read as
//! plain JSON, because a message that some typed reader does not understand must not end a run.
//! <https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol>

use std::{path::Path, time::Duration};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jupyter_protocol::{ConnectionInfo, ExecuteRequest};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    KernelError,
    zmtp::{Kind, Socket, ZmtpError},
};

/// Ends the identities of a message, and begins the rest.
const DELIMITER: &[u8] = b"<IDS|MSG>";
/// The version of the messages that we send.
const VERSION: &str = "5.3";
/// How long a kernel may take to read what is sent to it. It does so in a thread of its own.
const SEND: Duration = Duration::from_secs(30);

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
    shell: Socket,
    control: Socket,
    iopub: Socket,
    session: Session,
}

/// Who we are to the kernel, and the key that both sides sign with.
struct Session {
    id: String,
    key: Hmac<Sha256>,
}

impl Wire {
    pub(crate) async fn connect(info: &ConnectionInfo) -> Result<Self, KernelError> {
        let session = Session::new(&info.key);
        let socket = async |port: u16, kind| {
            let path = format!("{}-{port}", info.ip);
            Socket::connect(Path::new(&path), kind, &session.id).await
        };
        let iopub = socket(info.iopub_port, Kind::Subscriber).await?;
        let shell = socket(info.shell_port, Kind::Dealer).await?;
        let control = socket(info.control_port, Kind::Dealer).await?;
        Ok(Self { shell, control, iopub, session })
    }

    /// Sends a request for execution; the answer is its id.
    pub(crate) async fn execute(&mut self, request: ExecuteRequest) -> Result<String, KernelError> {
        self.session.send(&mut self.shell, "execute_request", &request).await
    }

    pub(crate) async fn ask_info(&mut self) -> Result<String, KernelError> {
        self.session.send(&mut self.shell, "kernel_info_request", &json!({})).await
    }

    pub(crate) async fn ask_shutdown(&mut self) -> Result<String, KernelError> {
        self.session.send(&mut self.control, "shutdown_request", &json!({ "restart": false })).await
    }

    /// The next reply. Cancel-safe.
    pub(crate) async fn reply(&mut self) -> Result<Message, KernelError> {
        self.session.receive(&mut self.shell).await
    }

    /// The next broadcast. Cancel-safe.
    pub(crate) async fn broadcast(&mut self) -> Result<Message, KernelError> {
        self.session.receive(&mut self.iopub).await
    }

    /// The next reply or broadcast. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, KernelError> {
        tokio::select! {
            message = self.session.receive(&mut self.iopub) => message.map(Incoming::Broadcast),
            message = self.session.receive(&mut self.shell) => message.map(Incoming::Reply),
        }
    }
}

/// Where a message came in.
pub(crate) enum Incoming {
    Reply(Message),
    Broadcast(Message),
}

impl Session {
    fn new(key: &str) -> Self {
        let key = Hmac::new_from_slice(key.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        Self { id: Uuid::new_v4().to_string(), key }
    }

    /// Sends a request; the answer is its id.
    async fn send(&self, socket: &mut Socket, kind: &str, content: &impl Serialize) -> Result<String, KernelError> {
        let id = Uuid::new_v4().to_string();
        let header = json!({
            "msg_id": id, "session": self.id, "username": "mlsys", "date": Timestamp::now(), "msg_type": kind, "version": VERSION,
        });
        let header = header.to_string();
        let content = serde_json::to_vec(content).map_err(std::io::Error::from)?;
        let signed = [header.as_bytes(), b"{}", b"{}", &content];
        let signature = hex::encode(self.sign(&signed).finalize().into_bytes());
        let [header, parent, metadata, content] = signed;
        let parts = [DELIMITER, signature.as_bytes(), header, parent, metadata, content];
        timeout(SEND, socket.send(&parts))
            .await
            .map_err(|_| KernelError::Wire("it does not read what is sent to it".to_owned()))??;
        Ok(id)
    }

    /// Receives the next message that is signed with our key. A socket that the kernel closed has none: whether the kernel
    /// itself has ended, and how, its process tells.
    async fn receive(&self, socket: &mut Socket) -> Result<Message, KernelError> {
        loop {
            let parts = match socket.receive().await {
                Err(ZmtpError::Io(_)) => std::future::pending().await,
                received => received?,
            };
            match self.verified(&parts) {
                Ok([header, parent, content]) => {
                    let (mut header, mut parent) = (object(header), object(parent));
                    let text =
                        |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
                    let (kind, parent) = (text(header.remove("msg_type")), text(parent.remove("msg_id")));
                    return Ok(Message { kind, parent, content: object(content) });
                }
                Err(why) => tracing::warn!("dropped a kernel message: {why}"),
            }
        }
    }

    /// The header, the parent's header and the content of a message that carries our signature.
    fn verified<'a>(&self, parts: &'a [Bytes]) -> Result<[&'a Bytes; 3], &'static str> {
        let start = parts.iter().position(|part| *part == DELIMITER).ok_or("it has no delimiter")?;
        let [signature, header, parent, metadata, content, ..] = &parts[start + 1..] else {
            return Err("it has missing parts");
        };
        let mut given = [0; 32];
        hex::decode_to_slice(signature, &mut given).map_err(|_| "its signature is none")?;
        let expected = self.sign(&[header, parent, metadata, content]);
        expected.verify_slice(&given).map_err(|_| "it is not signed with the kernel's key")?;
        Ok([header, parent, content])
    }

    fn sign(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        parts.iter().fold(self.key.clone(), Mac::chain_update)
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

impl From<ZmtpError> for KernelError {
    fn from(error: ZmtpError) -> Self {
        match error {
            ZmtpError::TooLarge => Self::MessageTooLarge,
            error => Self::Wire(error.to_string()),
        }
    }
}
