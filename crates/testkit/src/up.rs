//! A real `mlsys up`, on free ports, with a home of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use contract::{LogFrame, LogLine, PipelineId, PipelineRecord, PipelineStatus};
use futures_util::StreamExt;
use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::Value;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

/// How long a start may take: MLflow's server dominates it.
const START: Duration = Duration::from_mins(3);

/// How an mlsys of a test differs from the ordinary.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings, as environment variables.
    pub environment: Vec<(String, String)>,
}

/// A running mlsys. Dropping it stops it.
pub struct Mlsys {
    binary: PathBuf,
    home: TempDir,
    options: Options,
    child: Option<Child>,
    addresses: Value,
    http: reqwest::Client,
}

impl Mlsys {
    /// Starts `binary` (`mlsys`) and waits until it is ready.
    pub fn start(binary: &str, options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let home = tempfile::Builder::new().prefix("mlsys-test-").tempdir().expect("a home");
        // No idle connections: each test has a runtime of its own, and a connection dies with its runtime.
        let http =
            reqwest::Client::builder().timeout(Duration::from_mins(2)).pool_max_idle_per_host(0).build().expect("a client");
        let mut mlsys = Self { binary: PathBuf::from(binary), home, options, child: None, addresses: Value::Null, http };
        mlsys.resume();
        mlsys
    }

    /// Starts it again in the same home.
    pub fn resume(&mut self) {
        assert!(self.child.is_none(), "it is running");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home().join("up.log")).expect("a log");
        let mut child = self
            .cli(&["up", "--json", "--leash", "--port", "0", "--model-server-port", "0", "--mlflow-port", "0"])
            // Its other end is held by the child's handle: when the test process ends, however it does, mlsys stops.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("mlsys starts");
        let stdout = child.stdout.take().expect("piped");
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens after the first line.
                let _ = sender.send(line);
            }
        });
        let line = receiver.recv_timeout(START).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("mlsys did not start:\n{}", self.log())
        });
        self.addresses = serde_json::from_str(&line).expect("addresses in JSON");
        self.child = Some(child);
    }

    /// A command of the same binary, in the same home.
    pub fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("MLSYS_HOME", self.home()).env("MLSYS_PYTHON", crate::python()).stdin(Stdio::null());
        // One `uv` for all homes: installing it takes a while.
        let uv = crate::workspace_root().join(".mlsys/uv/bin/uv");
        if uv.exists() && std::env::var_os("MLSYS_UV").is_none() {
            command.env("MLSYS_UV", uv);
        }
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home().join("up.log")).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it is running").id()
    }

    /// The API's address, or a path of it.
    pub fn api(&self, path: &str) -> String {
        format!("{}{path}", self.addresses["api"].as_str().expect("an address"))
    }

    /// The model-server's address, or a path of it.
    pub fn model_server(&self, path: &str) -> String {
        format!("{}{path}", self.addresses["model_server"].as_str().expect("an address"))
    }

    /// MLflow's address.
    pub fn mlflow(&self) -> &str {
        self.addresses["mlflow"].as_str().expect("an address")
    }

    /// What webhook deliveries are signed with.
    pub fn webhook_secret(&self) -> String {
        std::fs::read_to_string(self.home().join("webhook.secret")).expect("a secret").trim().to_owned()
    }

    /// An HTTP client.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Reads a JSON resource of the API.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.api(path)).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Sends JSON; answers the status and the JSON body.
    pub async fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        let answer = self.http.post(url).json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// A pipeline.
    pub async fn pipeline(&self, id: PipelineId) -> PipelineRecord {
        serde_json::from_value(self.get(&format!("/api/pipelines/{id}")).await).expect("a pipeline")
    }

    /// Waits for a pipeline's end.
    pub async fn ended(&self, id: PipelineId) -> PipelineRecord {
        self.until(id, Duration::from_mins(5), |pipeline| pipeline.status.is_final()).await
    }

    /// Waits until a pipeline is as asked.
    pub async fn until(&self, id: PipelineId, limit: Duration, asked: impl Fn(&PipelineRecord) -> bool) -> PipelineRecord {
        let deadline = Instant::now() + limit;
        loop {
            let pipeline = self.pipeline(id).await;
            if asked(&pipeline) {
                return pipeline;
            }
            assert!(Instant::now() < deadline, "{pipeline:#?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for a pipeline's end, which must be a success.
    pub async fn succeeded(&self, id: PipelineId) -> PipelineRecord {
        let pipeline = self.ended(id).await;
        if pipeline.status != PipelineStatus::Succeeded {
            let log: Vec<_> = self.stored_log(id).await.into_iter().map(|line| line.text).collect();
            panic!("{pipeline:#?}\n{}", log.join("\n"));
        }
        pipeline
    }

    /// A pipeline's whole stored log.
    pub async fn stored_log(&self, id: PipelineId) -> Vec<LogLine> {
        let mut lines: Vec<LogLine> = Vec::new();
        loop {
            let after = lines.last().map_or(0, |line| line.seq);
            let page = self.get(&format!("/api/pipelines/{id}/logs?after={after}&limit=10000")).await;
            let page: Vec<LogLine> = serde_json::from_value(page["items"].clone()).expect("lines");
            if page.is_empty() {
                return lines;
            }
            lines.extend(page);
        }
    }

    /// Follows a log over the WebSocket from after a line until its end, or until it has so many lines.
    pub async fn follow(&self, id: PipelineId, after: u64, at_most: usize) -> (Vec<LogLine>, Option<PipelineStatus>) {
        let url = self.api(&format!("/ws/pipelines/{id}/logs?after={after}")).replacen("http", "ws", 1);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
        let mut lines = Vec::new();
        while lines.len() < at_most {
            let message = tokio::time::timeout(Duration::from_mins(5), socket.next()).await.expect("news in time");
            let Some(Ok(Message::Text(text))) = message else {
                match message {
                    Some(Ok(_)) => continue,
                    other => panic!("the socket ended without an end: {other:?}"),
                }
            };
            match serde_json::from_str(&text).expect("a frame") {
                LogFrame::Line(line) => lines.push(line),
                LogFrame::End(end) => return (lines, Some(end.end)),
            }
        }
        (lines, None)
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it is running");
        child.kill().expect("killed");
        child.wait().expect("gone");
    }

    /// Stops it with SIGTERM; answers its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        nix::sys::signal::kill(pid, Signal::SIGTERM).expect("signalled");
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().expect("waited for") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

impl Drop for Mlsys {
    fn drop(&mut self) {
        self.stop();
    }
}
