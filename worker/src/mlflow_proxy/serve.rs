//! The server: judges what is asked, passes it on, and streams.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts, response},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, StreamExt, stream};
use mlflow::{Client, MlflowError};
use serde::Deserialize;
use serde_json::Value;
use service::Shutdown;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    call::{Call, Interface},
    refusal::Refusal,
    rules::{self, Grant, REPOSITORY_TAG, Then},
    sessions::{Admission, Session, Sessions},
};
/// The largest body that is judged, in bytes; MLflow itself takes a million for a batch of metrics.
const BODY_MAX: usize = 4 << 20;
/// The largest answer that is looked through, in bytes.
const ANSWER_MAX: usize = 16 << 20;
/// How long MLflow may take to answer a call, from the request's last byte on.
const CALL: Duration = Duration::from_mins(2);
/// The same of a file, from its first byte on.
const TRANSFER: Duration = Duration::from_hours(1);
/// How long a body may stand still, in either direction.
const STILL: Duration = Duration::from_mins(1);
/// What is passed on of a request's headers. Nothing else: MLflow knows headers that change what a request means.
const ASKED: [HeaderName; 6] =
    [header::ACCEPT, header::ACCEPT_ENCODING, header::CONTENT_TYPE, header::IF_RANGE, header::RANGE, header::USER_AGENT];
/// What is not passed back of an answer's headers: it belongs to the connection.
const OF_CONNECTION: [HeaderName; 5] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TRAILER, header::PROXY_AUTHENTICATE];

/// MLflow, for the runs of this process. Its server ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    shared: Arc<Shared>,
    closing: Shutdown,
}

#[derive(Debug)]
struct Shared {
    mlflow: Client,
    sessions: Arc<Sessions>,
}

impl Proxy {
    /// Starts the server on a free port of the loopback.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub fn start(mlflow: Client) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let shared = Arc::new(Shared { mlflow, sessions: Arc::default() });
        let (router, closing) = (Router::new().fallback(answer).with_state(Arc::clone(&shared)), Shutdown::new());
        let serving = service::serve(listener, router, service::Network::default(), closing.clone());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "MLflow can't be reached by notebooks any more");
            }
        });
        Ok(Self { url, shared, closing })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Admits a run until the admission is dropped. Its experiment is marked as its repository's.
    ///
    /// # Errors
    /// When MLflow does not answer.
    pub async fn admit(&self, grant: Grant) -> Result<Admission, MlflowError> {
        let mlflow = &self.shared.mlflow;
        mlflow.tag_experiment(&grant.run.experiment_id, REPOSITORY_TAG, grant.repository.as_str()).await?;
        Ok(self.shared.sessions.admit(self.url.clone(), grant))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closing.begin();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let session = match shared.sessions.of(request.headers()) {
        Ok(session) => session,
        Err(refusal) => return refusal.into_response(),
    };
    let answered = tokio::select! {
        biased;
        () = session.over.cancelled() => Err(Refusal::Unknown),
        answered = shared.pass(&session, request) => answered,
    };
    answered.unwrap_or_else(|refusal| {
        tracing::debug!(?refusal, "a notebook's request to MLflow was refused");
        refusal.into_response()
    })
}

impl Shared {
    async fn pass(&self, session: &Session, request: Request) -> Result<Response, Refusal> {
        // Never closed, so this only waits.
        let slot = Arc::clone(&session.slots).acquire_owned().await.map_err(|_| Refusal::Unknown)?;
        let (parts, body) = request.into_parts();
        let mut call = Call::parse(&parts.method, &parts.uri)?;
        let mut body = Some(body);
        if !call.is_upload() && !call.asks_by_query() && call.interface != Interface::Root {
            call.read(&whole(body.take().unwrap_or_default(), BODY_MAX).await?)?;
        }
        let judged = rules::judge(&mut call, session.knowledge.grant())?;
        if matches!(judged.then, Then::Learn(_)) {
            session.knowledge.has_room()?;
        }
        let checked = timeout(CALL, session.knowledge.check(&self.mlflow, &judged.needs)).await;
        checked.map_err(|_| Refusal::Unavailable("MLflow did not answer in time".to_owned()))??;
        let limit = if call.is_transfer() { TRANSFER } else { CALL };
        let sent = timeout(limit, self.request(&call, (&parts, body), judged.then, &session.over).send()).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let error = error.without_url();
                tracing::debug!(%error, "a notebook's request did not reach MLflow, or was broken off");
                return Err(Refusal::Unavailable("MLflow does not answer".to_owned()));
            }
            Err(_) => return Err(Refusal::Unavailable(format!("MLflow did not answer within {} s", limit.as_secs()))),
        };
        if answer.status().is_redirection() && answer.status() != StatusCode::NOT_MODIFIED {
            return Err(Refusal::Unavailable("MLflow points to another address, which is not followed".to_owned()));
        }
        let (parts, body) = http(answer);
        if judged.then == Then::Pass || !parts.status.is_success() {
            return Ok(Response::from_parts(parts, Body::from_stream(kept_moving(body, session.over.clone(), Some(slot)))));
        }
        let body = whole(Body::from_stream(body), ANSWER_MAX).await;
        let body = body.map_err(|_| Refusal::Unavailable("MLflow's answer is too long, or does not end".to_owned()))?;
        session.look_through(judged.then, &body)?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn request(
        &self,
        call: &Call,
        (asked, body): (&Parts, Option<Body>),
        then: Then,
        over: &CancellationToken,
    ) -> reqwest::RequestBuilder {
        let mut headers = HeaderMap::new();
        for name in ASKED {
            if let Some(value) = asked.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        let request = self.mlflow.pass(call.method.clone(), &call.target());
        if call.is_upload() {
            if let Some(length) = asked.headers.get(header::CONTENT_LENGTH) {
                headers.insert(header::CONTENT_LENGTH, length.clone());
            }
            let file = kept_moving(body.unwrap_or_default().into_data_stream(), over.clone(), None);
            return request.headers(headers).body(reqwest::Body::wrap_stream(file));
        }
        headers.remove(header::CONTENT_TYPE);
        if then != Then::Pass {
            // It is looked through as it comes.
            headers.remove(header::ACCEPT_ENCODING);
        }
        let request = request.headers(headers);
        if call.asks_by_query() { request } else { request.json(&call.fields) }
    }
}

impl Session {
    fn look_through(&self, then: Then, answer: &[u8]) -> Result<(), Refusal> {
        let unreadable = |_| Refusal::Unavailable("MLflow's answer could not be understood".to_owned());
        match then {
            Then::Pass => Ok(()),
            Then::Learn(kind) => self.knowledge.learn(kind, &serde_json::from_slice(answer).map_err(unreadable)?),
            Then::OurExperiments => {
                let Experiments { experiment, experiments } = serde_json::from_slice(answer).map_err(unreadable)?;
                if experiment.iter().chain(&experiments).all(|each| self.knowledge.is_ours(each)) {
                    return Ok(());
                }
                Err(Refusal::Forbidden(
                    "this experiment is not the repository's: a run may use its repository's own, and those that its \
                     notebooks created"
                        .to_owned(),
                ))
            }
            Then::OurModel => {
                let answer: Value = serde_json::from_slice(answer).map_err(unreadable)?;
                let found = ["registered_models", "model_versions"].into_iter().filter_map(|list| answer[list].as_array());
                if found.flatten().all(|each| each["name"] == self.knowledge.grant().model.as_str()) {
                    return Ok(());
                }
                Err(Refusal::Forbidden("a run may search for versions of its own model alone".to_owned()))
            }
        }
    }
}

/// Experiments in an answer, be it of one or of several.
#[derive(Deserialize)]
struct Experiments {
    experiment: Option<mlflow::Experiment>,
    #[serde(default)]
    experiments: Vec<mlflow::Experiment>,
}

/// A body that is judged or looked through, whole.
async fn whole(body: Body, most: usize) -> Result<Bytes, Refusal> {
    let body = timeout(CALL, to_bytes(body, most)).await;
    body.map_err(|_| Refusal::Unclear("the request did not come to its end".to_owned()))?.map_err(|_| Refusal::TooLarge)
}

/// The two parts of MLflow's answer, without what belongs to the connection it came by.
fn http(answer: reqwest::Response) -> (response::Parts, impl Stream<Item = reqwest::Result<Bytes>> + use<>) {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = answer.status();
    parts.headers.clone_from(answer.headers());
    for name in OF_CONNECTION {
        parts.headers.remove(name);
    }
    (parts, answer.bytes_stream())
}

/// A body on its way: it ends with an error when it stands still, or its run has ended. Holds `slot` to its end.
fn kept_moving<E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    over: CancellationToken,
    slot: Option<OwnedSemaphorePermit>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((body.boxed(), over, slot), |(mut body, over, slot)| async move {
        let next = tokio::select! {
            biased;
            () = over.cancelled() => return Err(io::Error::other("the run has ended")),
            next = timeout(STILL, body.next()) => next?,
        };
        Ok(next.transpose().map_err(io::Error::other)?.map(|bytes| (bytes, (body, over, slot))))
    })
}
