//! A backend that says what is deployed, as a test has it, and may be stopped or talk rubbish.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use artifacts::VersionLocation;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use contract::{Desired, DesiredModel, LoadRequest, ServedState, ServerReport};
use service::{Shutdown, serve};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::harness::{DEADLINE, TOKEN};

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(10);

/// What the backend answers.
#[derive(Clone)]
pub enum Word {
    /// A list, or 304 to who has it.
    List(Desired),
    /// An error, or something that is no list.
    Other(StatusCode, &'static str),
}

struct Mind {
    word: Word,
    /// Every report so far, with the status of its answer.
    reports: Vec<(ServerReport, StatusCode)>,
}

pub struct BackendDouble {
    pub url: String,
    address: SocketAddr,
    mind: Arc<Mutex<Mind>>,
    running: Option<(Shutdown, JoinHandle<std::io::Result<()>>)>,
}

impl BackendDouble {
    /// A backend that says this.
    pub async fn saying(list: Desired) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mind = Arc::new(Mutex::new(Mind { word: Word::List(list), reports: Vec::new() }));
        let mut double = Self { url: format!("http://{address}"), address, mind, running: None };
        double.serve_on(listener);
        double
    }

    fn serve_on(&mut self, listener: TcpListener) {
        let router = Router::new().route("/internal/model-servers", post(answer)).with_state(Arc::clone(&self.mind));
        let shutdown = Shutdown::new();
        self.running =
            Some((shutdown.clone(), tokio::spawn(serve(listener, router, service::Network::default(), shutdown))));
    }

    pub async fn stop(&mut self) {
        let (shutdown, serving) = self.running.take().unwrap();
        shutdown.begin();
        tokio::time::timeout(DEADLINE, serving).await.unwrap().unwrap().unwrap();
    }

    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve_on(listener);
    }

    pub fn say(&self, word: Word) {
        self.mind.lock().unwrap().word = word;
    }

    pub fn list(&self, list: Desired) {
        self.say(Word::List(list));
    }

    /// The list that it says.
    pub fn said(&self) -> Desired {
        match &self.mind.lock().unwrap().word {
            Word::List(list) => list.clone(),
            Word::Other(status, _) => panic!("it says {status}"),
        }
    }

    /// How many reports came.
    pub fn asked(&self) -> usize {
        self.mind.lock().unwrap().reports.len()
    }

    /// How many reports were answered with a status.
    pub fn answered(&self, status: StatusCode) -> usize {
        self.mind.lock().unwrap().reports.iter().filter(|(_, answer)| *answer == status).count()
    }

    /// The newest report.
    pub fn report(&self) -> Option<ServerReport> {
        self.mind.lock().unwrap().reports.last().map(|(report, _)| report.clone())
    }

    /// Waits until the newest report, as `model environment version generation state` lines, is this.
    pub async fn until(&self, expected: &[&str]) {
        let wait = async {
            while self.lines() != expected {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, wait).await;
        assert!(waited.is_ok(), "{:?} is not {expected:?}", self.lines());
    }

    /// Waits until the server has asked so many times more.
    pub async fn rounds(&self, more: usize) {
        let enough = self.asked() + more;
        let wait = async {
            while self.asked() < enough {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap();
    }

    fn lines(&self) -> Vec<String> {
        let models = self.report().map(|report| report.models).unwrap_or_default();
        let state = |state: &ServedState| match state {
            ServedState::Ready => "ready",
            ServedState::Loading => "loading",
            ServedState::Failed { .. } => "failed",
        };
        let line = |model: &contract::ServedModel| {
            let (version, generation) = (model.version, model.generation);
            format!("{} {} {version} {generation} {}", model.model_name, model.environment, state(&model.state))
        };
        models.iter().map(line).collect()
    }
}

async fn answer(State(mind): State<Arc<Mutex<Mind>>>, headers: HeaderMap, Json(report): Json<ServerReport>) -> Response {
    assert_eq!(headers[header::AUTHORIZATION], format!("Bearer {TOKEN}"));
    let mut mind = mind.lock().unwrap();
    let response = match &mind.word {
        Word::Other(status, text) => (*status, *text).into_response(),
        Word::List(list) => {
            let etag = format!("\"{}\"", hex::encode(Sha256::digest(serde_json::to_vec(list).unwrap())));
            if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == etag) {
                (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response()
            } else {
                ([(header::ETAG, etag)], Json(list)).into_response()
            }
        }
    };
    mind.reports.push((report, response.status()));
    response
}

/// A version that is to be served in an environment.
pub fn model(name: &str, environment: &str, (location, version): (&VersionLocation, u64), generation: u64) -> DesiredModel {
    let VersionLocation { uri, sha256 } = location.clone();
    let load = LoadRequest { version, uri, sha256, environment: environment.parse().unwrap(), generation };
    DesiredModel::whole(name.parse().unwrap(), load)
}

/// A version that has a share of its place.
pub fn shared(weight: u32, model: DesiredModel) -> DesiredModel {
    DesiredModel { weight, ..model }
}

pub fn list(change: u64, models: impl IntoIterator<Item = DesiredModel>) -> Desired {
    Desired { change, models: models.into_iter().collect(), access: None }
}
