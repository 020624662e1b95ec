//! The backend, as a model-server knows it: reports go there, and the list of what is deployed comes back.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use contract::{Desired, ServedModel, ServerReport};
use reqwest::{Client, redirect};
use service::Secret;
use tokio::time::Instant;

/// The longest a call may take, from connecting to the last byte of the answer.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// A backend that was never reached is not missed before this long: processes start in any order.
const START_LIMIT: Duration = Duration::from_secs(10);
/// After so many older lists in a row there is more to it than backends that answer from different moments.
const MANY_OLDER: u32 = 30;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("{0:#}")]
    Unreachable(anyhow::Error),
    #[error("it answers {0}")]
    Refused(StatusCode),
    #[error("its answer is not a list of what is deployed: {0}")]
    Rubbish(serde_json::Error),
}

/// The connection to the backend.
#[derive(Debug)]
pub(crate) struct Backend {
    http: Client,
    url: String,
    token: Secret,
    /// The server's own address, as the backend is told it.
    address: String,
    /// Of the newest list.
    etag: Option<HeaderValue>,
    /// How many lists in a row were older than one before.
    older: u32,
    started: Instant,
    /// Whether the last call was answered; `None` before the first answer.
    reached: Option<bool>,
}

impl Backend {
    /// The backend at `base`, e.g. `http://127.0.0.1:8000`. Connects at the first call.
    pub(crate) fn new(base: &str, token: Secret, address: String) -> reqwest::Result<Self> {
        // The program may have installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(CALL_LIMIT)
            .pool_idle_timeout(service::IDLE_LIMIT)
            .build()?;
        let url = format!("{}/internal/model-servers", base.trim_end_matches('/'));
        Ok(Self { http, url, token, address, etag: None, older: 0, started: Instant::now(), reached: None })
    }

    /// Reports what is served. Gives the list of what is deployed if it is another than last time and not older than the
    /// change `held`. That the backend is unreachable, or back, is logged once.
    pub(crate) async fn ask(&mut self, models: Vec<ServedModel>, held: u64) -> Option<Desired> {
        let answer = self.call(models).await;
        self.tell(answer.as_ref().err());
        let (list, etag) = answer.ok()??;
        if list.change < held {
            self.older = self.older.saturating_add(1);
            if self.older == MANY_OLDER {
                tracing::warn!(
                    change = list.change,
                    held,
                    "the backend's list stays older than one that it gave before; its database may be another one"
                );
            }
            return None;
        }
        (self.etag, self.older) = (etag, 0);
        Some(list)
    }

    async fn call(&self, models: Vec<ServedModel>) -> Result<Option<(Desired, Option<HeaderValue>)>, AskError> {
        let unreachable = |error: reqwest::Error| AskError::Unreachable(error.into());
        let report = ServerReport { address: self.address.clone(), models };
        let mut request = self.http.post(&self.url).bearer_auth(self.token.expose()).json(&report);
        if let Some(etag) = &self.etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let answer = request.send().await.map_err(unreachable)?;
        match answer.status() {
            StatusCode::NOT_MODIFIED if self.etag.is_some() => return Ok(None),
            StatusCode::OK => {}
            status => return Err(AskError::Refused(status)),
        }
        let etag = answer.headers().get(header::ETAG).cloned();
        let body = answer.bytes().await.map_err(unreachable)?;
        Ok(Some((serde_json::from_slice(&body).map_err(AskError::Rubbish)?, etag)))
    }

    /// Logs when the backend goes and when it comes back.
    fn tell(&mut self, error: Option<&AskError>) {
        match error {
            None if self.reached.replace(true) == Some(false) => tracing::info!("the backend is back"),
            Some(error)
                if self.reached == Some(true) || (self.reached.is_none() && self.started.elapsed() > START_LIMIT) =>
            {
                self.reached = Some(false);
                tracing::warn!(%error, "the backend does not answer; serving what was deployed last");
            }
            _ => {}
        }
    }
}
