//! What a test asks of a running mlsys, however it was started.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use contract::{LogFrame, LogLine, PipelineId, PipelineRecord, PipelineStatus};
use futures_util::StreamExt;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::program::tail;

/// How long a pipeline may take.
const PIPELINE: Duration = Duration::from_mins(5);
/// How often a wait asks again.
const POLL: Duration = Duration::from_millis(50);
/// So many lines of each log a failure shows.
const TAIL: usize = 60;

/// The API at one address. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    /// Shown when something did not happen.
    logs: Vec<PathBuf>,
    http: reqwest::Client,
    /// What it is shown.
    key: Option<String>,
}

impl Api {
    /// The API at a base address; the files are shown at their ends when something did not happen.
    pub fn new(base: impl Into<String>, logs: Vec<PathBuf>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // No idle connections: each test has a runtime of its own, and a connection dies with its runtime.
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(2)).pool_max_idle_per_host(0);
        Self { base: base.into(), logs, http: http.build().expect("a client"), key: None }
    }

    /// The same API, which is shown this key.
    #[must_use]
    pub fn signed(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// A request that shows the key.
    fn show(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The address of a path.
    pub fn api(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What a path answers, whatever it is.
    pub async fn answer(&self, path: &str) -> Response {
        self.show(self.http.get(self.api(path))).send().await.expect("an answer")
    }

    /// An HTTP client, which shows nothing.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Reads a JSON resource.
    pub async fn get(&self, path: &str) -> Value {
        self.try_get(path).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Reads a JSON resource, or says why it can't be had now.
    pub async fn try_get(&self, path: &str) -> Result<Value, String> {
        let answer = self.show(self.http.get(self.api(path))).send().await.map_err(|error| format!("{path}: {error:?}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("{path}: {error:?}"))?;
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{path}: {error}: {text}"))
    }

    /// Sends JSON; answers the status and the JSON body.
    pub async fn post(&self, url: &str, body: &Value) -> (u16, Value) {
        let answer = self.show(self.http.post(url).json(body)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Sets what is at a path to JSON; answers the status.
    pub async fn put(&self, path: &str, body: &Value) -> u16 {
        self.show(self.http.put(self.api(path)).json(body)).send().await.expect("an answer").status().as_u16()
    }

    /// All items of a list, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut next) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}{next}")).await;
            items.append(page["items"].as_array_mut().expect("items"));
            let Some(after) = page["next"].as_str() else { return items };
            next = format!("{separator}after={after}");
        }
    }

    /// A pipeline.
    pub async fn pipeline(&self, id: PipelineId) -> PipelineRecord {
        serde_json::from_value(self.get(&format!("/api/pipelines/{id}")).await).expect("a pipeline")
    }

    /// Waits for a pipeline's end.
    pub async fn ended(&self, id: PipelineId) -> PipelineRecord {
        self.until(id, PIPELINE, |pipeline| pipeline.status.is_final()).await
    }

    /// Waits until a pipeline is as asked. An API that is unreachable meanwhile is asked again.
    pub async fn until(&self, id: PipelineId, limit: Duration, asked: impl Fn(&PipelineRecord) -> bool) -> PipelineRecord {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.try_get(&format!("/api/pipelines/{id}")).await;
            if let Ok(pipeline) = &answer {
                let pipeline: PipelineRecord = serde_json::from_value(pipeline.clone()).expect("a pipeline");
                if asked(&pipeline) {
                    return pipeline;
                }
            }
            assert!(Instant::now() < deadline, "not in time: {answer:#?}\n{}", self.logs());
            tokio::time::sleep(POLL).await;
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
        self.log_after(id, 0).await
    }

    /// A pipeline's stored log after a line.
    pub async fn log_after(&self, id: PipelineId, mut after: u64) -> Vec<LogLine> {
        let mut lines: Vec<LogLine> = Vec::new();
        loop {
            let page = self.get(&format!("/api/pipelines/{id}/logs?after={after}&limit=10000")).await;
            let page: Vec<LogLine> = serde_json::from_value(page["items"].clone()).expect("lines");
            let Some(last) = page.last() else { return lines };
            after = last.seq;
            lines.extend(page);
        }
    }

    /// Waits for a line of a pipeline's stored log, after another.
    pub async fn line(&self, id: PipelineId, after: u64, limit: Duration, asked: impl Fn(&LogLine) -> bool) -> LogLine {
        let deadline = Instant::now() + limit;
        let mut seen = after;
        loop {
            let page = self.try_get(&format!("/api/pipelines/{id}/logs?after={seen}&limit=10000")).await;
            let items = page.as_ref().map_or(Value::Array(Vec::new()), |page| page["items"].clone());
            for line in serde_json::from_value::<Vec<LogLine>>(items).expect("lines") {
                if asked(&line) {
                    return line;
                }
                seen = line.seq;
            }
            assert!(Instant::now() < deadline, "no such line after line {after}, of {seen}: {page:?}\n{}", self.logs());
            tokio::time::sleep(POLL).await;
        }
    }

    /// Follows a log over the WebSocket from after a line until its end, or until it has so many lines.
    pub async fn follow(&self, id: PipelineId, after: u64, at_most: usize) -> (Vec<LogLine>, Option<PipelineStatus>) {
        let url = self.api(&format!("/ws/pipelines/{id}/logs?after={after}")).replacen("http", "ws", 1);
        let mut request = url.into_client_request().expect("an address");
        if let Some(key) = &self.key {
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().expect("a header"));
        }
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
        let mut lines = Vec::new();
        while lines.len() < at_most {
            let message = tokio::time::timeout(PIPELINE, socket.next()).await.expect("news in time");
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

    /// The ends of the logs of the processes behind it.
    pub fn logs(&self) -> String {
        let tails = self.logs.iter().map(|file| format!("---- {}\n{}", file.display(), tail(file, TAIL)));
        tails.collect::<Vec<_>>().join("\n")
    }
}
