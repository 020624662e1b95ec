//! The model-servers, as predictions are passed on to them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{
        HeaderMap, HeaderName, StatusCode, Uri,
        header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use service::{ApiError, Secret};
use store::{Store, StoreError};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::error::{from_store, internal};

/// A server that has not reported for so long gets no predictions.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// How long the list is kept.
const KEPT: Duration = Duration::from_secs(1);
/// How long a prediction may take.
const PREDICT_TIMEOUT: Duration = Duration::from_mins(1);
/// The largest body of a prediction that is passed on, in bytes; the model-server's own limit.
const BODY_MAX: usize = 64 << 20;

/// Names the version that is asked, or answered.
const MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
/// What is passed on of a request's headers: how it is to be read and answered, by whom, and how long is waited for it.
const ASKED: [HeaderName; 6] = [
    CONTENT_TYPE,
    ACCEPT,
    service::REQUEST_ID,
    MODEL_VERSION,
    HeaderName::from_static("x-routing-key"),
    HeaderName::from_static("x-envoy-expected-rq-timeout-ms"),
];
/// What is passed on of an answer's.
const ANSWERED: [HeaderName; 4] = [CONTENT_TYPE, RETRY_AFTER, MODEL_VERSION, HeaderName::from_static("x-model-name")];

/// A model-server in this process. It answers requests as those of the network, but does not ask who sends them.
pub type ModelServerHere = Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// The model-servers, each in its turn.
pub(crate) struct Servers {
    /// The one in this process.
    here: Option<ModelServerHere>,
    /// The one address that was set.
    fixed: Option<Arc<[String]>>,
    list: Mutex<Option<(Instant, Arc<[String]>)>>,
    turn: AtomicUsize,
    http: reqwest::Client,
    /// By which they know us.
    token: Secret,
}

impl Servers {
    /// The server in this process, which may have an address; else the one at an address; else those that report.
    pub(crate) fn new(
        (here, fixed): (Option<ModelServerHere>, Option<String>),
        http: reqwest::Client,
        token: Secret,
    ) -> Self {
        let fixed = fixed.map(|url| Arc::from([url]));
        Self { here, fixed, list: Mutex::default(), turn: AtomicUsize::new(0), http, token }
    }

    /// A model-server's answer at this path, to a request of somebody who may ask. `store` knows which servers report.
    pub(crate) async fn answer(&self, path: &str, (head, body): (Parts, Body), store: &Store) -> Result<Response, ApiError> {
        let body = service::read_body(body, BODY_MAX).await.map_err(|status| service::unread(status, BODY_MAX))?;
        if let Some(server) = &self.here {
            return answer_here(server, path, (head, body)).await;
        }
        let servers = self.in_turn(store).await.map_err(from_store)?;
        for base in servers {
            match self.send(&format!("{base}{path}"), &head.headers, body.clone()).await {
                Ok(answer) => return Ok(passed_on(answer)),
                Err(error) if error.is_timeout() && !error.is_connect() => return Err(too_late()),
                // It did not get the request, so another server may have it.
                Err(error) if error.is_connect() => tracing::warn!(%error, server = base, "a model-server can't be reached"),
                Err(error) => {
                    tracing::warn!(%error, server = base, "a model-server did not answer");
                    break;
                }
            }
        }
        let detail = "no model-server can be reached; try again shortly";
        Err(ApiError::new(StatusCode::BAD_GATEWAY, "model_server_unavailable", detail))
    }

    async fn send(&self, url: &str, asked: &HeaderMap, body: Bytes) -> reqwest::Result<reqwest::Response> {
        let mut headers = of(asked, ASKED);
        headers.extend(service::telemetry::trace_headers());
        let call = self.http.post(url).timeout(PREDICT_TIMEOUT).bearer_auth(self.token.expose());
        call.headers(headers).body(body).send().await
    }

    /// The base addresses, the one whose turn it is first; none when no server has reported lately.
    pub(crate) async fn in_turn(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        let list = self.list(store).await?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let start = turn.checked_rem(list.len()).unwrap_or(0);
        Ok(list[start..].iter().chain(&list[..start]).cloned().collect())
    }

    async fn list(&self, store: &Store) -> Result<Arc<[String]>, StoreError> {
        if let Some(fixed) = &self.fixed {
            return Ok(Arc::clone(fixed));
        }
        let mut kept = self.list.lock().await;
        if let Some((_, list)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Ok(Arc::clone(list));
        }
        let servers = match store.serving.model_servers(SEEN_WITHIN).await {
            Ok(servers) => servers,
            // Predictions don't need the database.
            Err(error) => match kept.as_ref() {
                Some((_, list)) => return Ok(Arc::clone(list)),
                None => return Err(error),
            },
        };
        let list: Arc<[String]> =
            servers.into_iter().map(|(report, _)| report.address.trim_end_matches('/').to_owned()).collect();
        *kept = Some((Instant::now(), Arc::clone(&list)));
        Ok(list)
    }
}

async fn answer_here(server: &ModelServerHere, path: &str, (mut head, body): (Parts, Bytes)) -> Result<Response, ApiError> {
    head.uri = Uri::try_from(path).map_err(internal)?;
    // What our own routes found in it.
    head.extensions.clear();
    timeout(PREDICT_TIMEOUT, server(Request::from_parts(head, body.into()))).await.map_err(|_| too_late())
}

fn too_late() -> ApiError {
    let detail = "the model did not answer within a minute; send fewer rows at a time";
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", detail)
}

/// Those of some headers that have these names.
fn of<const N: usize>(headers: &HeaderMap, names: [HeaderName; N]) -> HeaderMap {
    let mut found = HeaderMap::new();
    for name in names {
        for value in headers.get_all(&name) {
            found.append(name.clone(), value.clone());
        }
    }
    found
}

/// A model-server's answer, body for body.
fn passed_on(answer: reqwest::Response) -> Response {
    let status = answer.status();
    let told = of(answer.headers(), ANSWERED);
    // Its length stays known.
    (status, told, Body::new(reqwest::Body::from(answer))).into_response()
}
