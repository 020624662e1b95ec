//! The connection to a server, and how a call is made.

use std::{net::IpAddr, time::Duration};

use reqwest::{Method, RequestBuilder, Response, redirect};
use serde::{Serialize, de::DeserializeOwned};

use crate::MlflowError;

/// How long an unused connection is kept: less than MLflow's servers keep theirs (uvicorn 5 s, gunicorn 2 s), so that no
/// request is sent into a connection that the server is just closing.
const IDLE: Duration = Duration::from_secs(1);

/// How long calls may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// A call, from connecting to the last byte of the answer.
    pub call: Duration,
    /// The upload of one file.
    pub upload: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { call: Duration::from_secs(30), upload: Duration::from_mins(10) }
    }
}

/// A client of one server. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    timeouts: Timeouts,
}

impl Client {
    /// A client of the server at `base`, e.g. `http://127.0.0.1:5000`, with a bearer token where it wants one.
    /// Connects at the first call. The process must have installed a rustls provider.
    pub fn new(base: impl Into<String>, token: Option<String>) -> Result<Self, MlflowError> {
        let base = base.into().trim_end_matches('/').to_owned();
        let mut http = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).redirect(redirect::Policy::none());
        http = http.pool_idle_timeout(IDLE);
        if is_local(&base)? {
            // A proxy that the environment names could not reach this machine's own address.
            http = http.no_proxy();
        }
        Ok(Self { http: http.build()?, base, token, timeouts: Timeouts::default() })
    }

    /// The same client with other time-outs.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Whether the server answers.
    pub async fn health(&self) -> Result<(), MlflowError> {
        self.send(self.request(Method::GET, "/health")).await.map(drop)
    }

    /// `GET /api/2.0/mlflow/{path}`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, MlflowError> {
        self.json(self.request(Method::GET, &api(path)).query(query)).await
    }

    /// `POST /api/2.0/mlflow/{path}`.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, MlflowError> {
        self.json(self.request(Method::POST, &api(path)).json(body)).await
    }

    /// `PATCH /api/2.0/mlflow/{path}`.
    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, MlflowError> {
        self.json(self.request(Method::PATCH, &api(path)).json(body)).await
    }

    /// `DELETE /api/2.0/mlflow/{path}`, with a body.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, MlflowError> {
        self.json(self.request(Method::DELETE, &api(path)).json(body)).await
    }

    /// The upload of a file to a path of the server. The body is still to be set.
    pub(crate) fn upload(&self, path: &str) -> RequestBuilder {
        self.request(Method::PUT, path).timeout(self.timeouts.upload)
    }

    /// Sends a request; an error status is an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, MlflowError> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(MlflowError::from_response(status, &response.bytes().await?)) }
    }

    /// A request to any path of the server, which is built of encoded parts. It has no time-out yet.
    pub fn pass(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// A request to a path of the server, as this client makes them itself.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.pass(method, path).timeout(self.timeouts.call)
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, MlflowError> {
        let body = self.send(request).await?.bytes().await?;
        serde_json::from_slice(&body).map_err(|error| MlflowError::Malformed { reason: error.to_string() })
    }
}

fn api(path: &str) -> String {
    format!("/api/2.0/mlflow/{path}")
}

/// Whether an address is this machine's own.
fn is_local(base: &str) -> Result<bool, MlflowError> {
    let url = reqwest::Url::parse(base).map_err(|error| MlflowError::Malformed { reason: format!("{base}: {error}") })?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    Ok(host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}
