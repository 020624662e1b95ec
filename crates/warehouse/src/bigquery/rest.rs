//! Requests, when they are made again, and what a refusal means.
//! Source: [the REST API](https://cloud.google.com/bigquery/docs/reference/rest) and
//! [its errors](https://cloud.google.com/bigquery/docs/error-messages).

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::place::{Tokens, token};
use crate::{Error, TableName};

/// Google's own.
const SERVER: &str = "https://bigquery.googleapis.com";
/// How long a connection may take to be made, and a request.
const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_mins(1);
/// For how long a request is made again that may be answered later, and how long it is waited before: each time twice as long.
const RETRY_FOR: Duration = Duration::from_mins(1);
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// The settings that credentials are taken from.
pub(super) const CREDENTIALS: &str =
    "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT_KEY, and what its account may do";
/// What passes by itself, soon or later.
const PASSING: [&str; 8] = [
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "rateLimitExceeded",
    "tableUnavailable",
    "timeout",
];
/// How much of what it says is told on, in letters.
const TOLD: usize = 500;

/// What `BigQuery` says when it does not do what it is asked.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub status: u16,
    pub reason: String,
    pub message: String,
}

impl Problem {
    /// What an answer's or a job's error says.
    pub fn of(status: u16, error: &Value) -> Self {
        let first = if error["errors"].is_array() { &error["errors"][0] } else { error };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message: String = text(&error["message"]).chars().take(TOLD).collect();
        Self { status, reason: text(&first["reason"]), message }
    }

    /// Whether the same may be answered in a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 429 | 500 | 502..=504) || PASSING.contains(&&*self.reason)
    }

    /// What it means to whoever wanted something of a table.
    pub fn about(&self, table: &TableName) -> Error {
        match self.outside(&format!("BigQuery, {table}")) {
            Some(error) => error.into(),
            None if self.status == 404 => Error::NoTable { table: table.clone() },
            None => Error::Unsupported { table: table.clone(), what: format!("BigQuery refuses it: {}", self.said()) },
        }
    }

    /// What is wrong, where it is not what was asked for.
    fn outside(&self, path: &str) -> Option<objects::Error> {
        let (path, said) = (path.to_owned(), self.said());
        if self.reason == "quotaExceeded" {
            return Some(objects::Error::Unavailable { path, source: format!("a quota is used up: {said}").into() });
        }
        if self.may_pass() {
            return Some(objects::Error::Unavailable { path, source: said.into() });
        }
        let is_denied = matches!(self.status, 401 | 403) || self.reason == "accessDenied";
        is_denied.then_some(objects::Error::Denied { path, settings: CREDENTIALS, reason: said })
    }

    fn said(&self) -> String {
        format!("{} ({})", self.message, if self.reason.is_empty() { "no reason given" } else { &*self.reason })
    }
}

/// Why a request was not answered as it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// `BigQuery` said no.
    Said(Problem),
    /// No answer came: what was asked for was done, or not.
    Lost(Box<dyn std::error::Error + Send + Sync>),
    /// There are no credentials.
    Access(Error),
}

impl Failure {
    /// What it means to whoever wanted something of a table.
    pub fn about(self, table: &TableName) -> Error {
        match self {
            Self::Said(problem) => problem.about(table),
            Self::Lost(source) => objects::Error::Unavailable { path: format!("BigQuery, {table}"), source }.into(),
            Self::Access(error) => error,
        }
    }

    /// What it means to whoever wanted something of a project.
    pub fn of_project(self, project: &str) -> Error {
        let path = format!("BigQuery, project {project}");
        match self {
            Self::Said(problem) => problem
                .outside(&path)
                .unwrap_or_else(|| objects::Error::Unavailable { path, source: problem.said().into() })
                .into(),
            Self::Lost(source) => objects::Error::Unavailable { path, source }.into(),
            Self::Access(error) => error,
        }
    }

    /// Whether there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Said(Problem { status: 404, .. }))
    }
}

/// What requests are made with.
pub(super) struct Rest {
    client: Client,
    server: String,
    tokens: Tokens,
}

impl Rest {
    /// To Google, or to an emulator.
    pub fn new(emulator: Option<&str>, tokens: Tokens) -> Result<Self, Error> {
        let server = emulator.map_or_else(|| SERVER.to_owned(), url);
        let client = Client::builder().connect_timeout(CONNECT).timeout(REQUEST).build();
        let failed = |error: reqwest::Error| objects::Error::Unavailable { path: server.clone(), source: error.into() };
        Ok(Self { client: client.map_err(failed)?, server, tokens })
    }

    /// Asks for something.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send(&Method::GET, path, query, None).await
    }

    /// Gives something.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(&Method::POST, path, &[], Some(body)).await
    }

    /// Makes a request, again and again for a while if it may be answered later. Whatever is sent may be sent twice.
    async fn send(
        &self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let parts = path.iter().map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
        let url = format!("{}/bigquery/v2/projects/{}", self.server, parts.collect::<Vec<_>>().join("/"));
        let (deadline, mut wait) = (Instant::now() + RETRY_FOR, WAITS.0);
        loop {
            let failure = match self.once(method, &url, query, body).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let may_pass = match &failure {
                Failure::Said(problem) => problem.may_pass(),
                Failure::Lost(_) => true,
                Failure::Access(_) => false,
            };
            if !may_pass || Instant::now() + wait > deadline {
                return Err(failure);
            }
            tracing::debug!(?failure, "BigQuery is asked again");
            tokio::time::sleep(spread(wait)).await;
            wait = (wait * 2).min(WAITS.1);
        }
    }

    async fn once(
        &self,
        method: &Method,
        url: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self.client.request(method.clone(), url).query(query);
        if let Some(token) = token(&self.tokens).await.map_err(Failure::Access)? {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let lost = |error: reqwest::Error| Failure::Lost(error.without_url().into());
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(lost)?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| Failure::Lost(error.into()));
        }
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let mut problem = Problem::of(status.as_u16(), &said["error"]);
        if problem.message.is_empty() {
            problem.message = format!("status {status}");
        }
        Err(Failure::Said(problem))
    }
}

/// An address with its scheme.
fn url(host: &str) -> String {
    let host = host.trim_end_matches('/');
    if host.contains("://") { host.to_owned() } else { format!("http://{host}") }
}

/// About so long: not all ask again at the same moment.
pub(super) fn spread(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + f64::from(Uuid::new_v4().as_bytes()[0]) / 255.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_refused_says_what_to_do_about_it() {
        let table: TableName = "a.b.c".parse().expect("a name");
        let about = |status, reason: &str| {
            let error = json!({ "message": "no", "errors": [{ "reason": reason }] });
            Problem::of(status, &error).about(&table)
        };
        assert!(matches!(about(404, "notFound"), Error::NoTable { .. }));
        assert!(matches!(about(400, "invalid"), Error::Unsupported { what, .. } if what.contains("no (invalid)")));
        for (status, reason) in
            [(401, "authError"), (403, "accessDenied"), (403, "billingNotEnabled"), (200, "accessDenied")]
        {
            assert!(matches!(about(status, reason), Error::Objects(objects::Error::Denied { .. })), "{status} {reason}");
        }
        for (status, reason) in [(429, ""), (503, "backendError"), (403, "rateLimitExceeded"), (403, "quotaExceeded")] {
            let error = about(status, reason);
            assert!(matches!(&error, Error::Objects(objects::Error::Unavailable { .. })), "{status} {reason}: {error:?}");
        }
    }
}
