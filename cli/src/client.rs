//! The API, as a client sees it.

use std::time::Duration;

use anyhow::{Context, bail};
use contract::{LogFrame, LogLine, PipelineId, PipelineRecord, PipelineStatus, Problem};
use futures_util::StreamExt;
use serde::{Deserialize, de::DeserializeOwned};
use service::Secret;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::{credentials, home::Home, settings::Settings};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait before coming back to a log whose connection was lost.
const COME_BACK: Duration = Duration::from_millis(500);
/// How often a lost log is come back to without a line gained.
const COME_BACK_MAX: u32 = 60;

/// A client of one API.
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
    /// What it shows.
    key: Option<Secret>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next: Option<String>,
}

impl Client {
    /// A client of the API that the settings name, or that runs under the home.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let running = || Home::open(&settings.home).ok()?.addresses().map(|addresses| addresses.api);
        let base = settings.get("MLSYS_URL").map(str::to_owned).or_else(running);
        let base = base.with_context(|| {
            format!("no running mlsys is known in {}: start one with `mlsys up`, or set MLSYS_URL", settings.home.display())
        })?;
        Ok(Self::at(&base, credentials::of(settings, &base)?))
    }

    /// A client of the API at an address, which shows it this.
    pub fn at(base: &str, key: Option<Secret>) -> Self {
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|local| base.starts_with(local));
        let http = reqwest::Client::builder();
        let http = if loopback { http.no_proxy() } else { http };
        Self { base: base.trim_end_matches('/').to_owned(), http: http.build().unwrap_or_default(), key }
    }

    /// The API's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Reads a resource.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
        self.answer(self.http.get(format!("{}{path}", self.base)).query(query)).await
    }

    /// Sends a body and reads the answer.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: String) -> anyhow::Result<T> {
        let call = self.http.post(format!("{}{path}", self.base)).header("content-type", "application/json").body(body);
        self.answer(call).await
    }

    /// Sets a resource.
    pub async fn put(&self, path: &str, body: String) -> anyhow::Result<()> {
        let call = self.http.put(format!("{}{path}", self.base)).header("content-type", "application/json").body(body);
        self.said(call).await.map(drop)
    }

    /// Sets a resource and reads the answer.
    pub async fn put_for<T: DeserializeOwned>(&self, path: &str, body: String) -> anyhow::Result<T> {
        let call = self.http.put(format!("{}{path}", self.base)).header("content-type", "application/json").body(body);
        self.answer(call).await
    }

    /// Changes a resource and reads the answer.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: String) -> anyhow::Result<T> {
        let call = self.http.patch(format!("{}{path}", self.base)).header("content-type", "application/json").body(body);
        self.answer(call).await
    }

    /// Removes a resource.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.said(self.http.delete(format!("{}{path}", self.base))).await.map(drop)
    }

    /// A pipeline.
    pub async fn pipeline(&self, id: PipelineId) -> anyhow::Result<PipelineRecord> {
        self.get(&format!("/api/pipelines/{id}"), &[]).await
    }

    async fn answer<T: DeserializeOwned>(&self, call: reqwest::RequestBuilder) -> anyhow::Result<T> {
        serde_json::from_slice(&self.said(call).await?).context("the answer is not what this mlsys understands")
    }

    /// What a success says.
    async fn said(&self, call: reqwest::RequestBuilder) -> anyhow::Result<Vec<u8>> {
        let call = match &self.key {
            Some(key) => call.bearer_auth(key.expose()),
            None => call,
        };
        let answer = call
            .timeout(PATIENCE)
            .send()
            .await
            .with_context(|| format!("mlsys can't be reached at {}: is it running? `mlsys up` starts it", self.base))?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if status.is_success() {
            return Ok(body.into());
        }
        if status == reqwest::StatusCode::UNAUTHORIZED {
            bail!("{} does not know you: `mlsys login {0}` keeps a key for it, or set MLSYS_API_KEY ({status})", self.base);
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => bail!("{} ({status})", problem.detail),
            Err(_) => bail!("{status}"),
        }
    }

    /// Follows a pipeline's log from after a line to its end, coming back when the connection is lost.
    pub async fn follow(
        &self,
        id: PipelineId,
        mut after: u64,
        mut show: impl FnMut(&LogLine),
    ) -> anyhow::Result<PipelineStatus> {
        // Says at once when there is no such pipeline.
        self.pipeline(id).await?;
        let socket_base = self.base.replacen("http", "ws", 1);
        let mut failures = 0;
        loop {
            let url = format!("{socket_base}/ws/pipelines/{id}/logs?after={after}");
            let before = after;
            match follow_once(&url, self.key.as_ref(), &mut after, &mut show).await {
                Ok(Some(end)) => return Ok(end),
                Err(error) if failures + 1 >= COME_BACK_MAX => return Err(error.context("the log can't be followed")),
                Ok(None) | Err(_) => {}
            }
            failures = if after > before { 0 } else { failures + 1 };
            tokio::time::sleep(COME_BACK).await;
        }
    }
}

/// One connection; the status when the log ended, nothing when the connection did.
async fn follow_once(
    url: &str,
    key: Option<&Secret>,
    after: &mut u64,
    show: &mut impl FnMut(&LogLine),
) -> anyhow::Result<Option<PipelineStatus>> {
    let mut request = url.into_client_request()?;
    if let Some(key) = key {
        request.headers_mut().insert("authorization", format!("Bearer {}", key.expose()).parse()?);
    }
    let (mut socket, _) = tokio::time::timeout(PATIENCE, tokio_tungstenite::connect_async(request)).await??;
    while let Some(message) = tokio::time::timeout(PATIENCE, socket.next()).await? {
        let Message::Text(text) = message? else { continue };
        match serde_json::from_str(&text)? {
            LogFrame::Line(line) => {
                *after = line.seq;
                show(&line);
            }
            LogFrame::End(end) => return Ok(Some(end.end)),
        }
    }
    Ok(None)
}
