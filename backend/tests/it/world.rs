//! A backend in this process, and what it is asked.

use std::{sync::Arc, time::Duration};

use assembly::Adapters;
use axum::{
    Router,
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request},
};
use backend::{Backend, Config, Mode};
use contract::{Environment, ModelName, PipelineId};
use forge::{GitHub, Hosts, LocalGit};
use serde_json::{Value, json};
use service::{Check, Secret, Settings};
use store::{Lease, Locked, NewDeployment, NewPipeline, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// What deliveries are signed with.
pub const SECRET: &str = "what deliveries are signed with";
/// What those of the local remote are signed with.
pub const LOCAL_SECRET: &str = "what the local remote signs with";
/// What model-servers show.
pub const INTERNAL: &str = "Bearer what model-servers show";
/// What the command line of this home shows; what is asked here shows it too, unless it shows something else.
pub const HOME: &str = "what the command line of this home shows";
/// Where the dashboard is reached, were it behind a proxy.
pub const PUBLIC: &str = "https://mlsys.example.org";
/// Nothing listens there.
pub const NOWHERE: &str = "http://127.0.0.1:9";
/// Longer than any test.
pub const TTL: Duration = Duration::from_mins(10);

/// Who sends a long body.
static LONG_BODY: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub struct World {
    pub store: Store,
    pub hub: bus::LogHub,
    pub artifacts: artifacts::Store,
    pub backend: Backend,
    pub router: Router,
    pub shutdown: CancellationToken,
    pub folder: TempDir,
}

/// An answer, its body read.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl World {
    /// One whose GitHub cannot be reached.
    pub async fn new() -> Self {
        Self::with(NOWHERE, |_| {}).await
    }

    /// One with a token at this GitHub.
    pub async fn at(github: &testkit::GitHub) -> Self {
        Self::with(&github.url(), |_| {}).await
    }

    /// One whose settings are changed first.
    pub async fn with(github: &str, change: impl FnOnce(&mut Config)) -> Self {
        // Fails only when another test was faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let store = Store::open(&format!("sqlite://{}", file("store.db"))).await.unwrap();
        let store = store.with_keys("5a".repeat(32).parse().ok());
        let (hub, shutdown) = (bus::LogHub::in_memory(), CancellationToken::new());
        let artifacts = artifacts::Store::open(&file("artifacts"), []).unwrap();
        let adapters = Adapters {
            store: store.clone(),
            queue: bus::Queue::open(&format!("sqlite://{}", file("queue.db"))).await.unwrap(),
            hub: hub.clone(),
            hosts: Hosts::new(LocalGit { root: folder.path().join("git") }, GitHub::new(github, Some("a-token")).unwrap()),
            mlflow: mlflow::Client::new(NOWHERE, None).unwrap(),
            artifacts: artifacts::Store::open(&file("artifacts"), []).unwrap(),
            warehouse: warehouse::Warehouse::open(&file("warehouse"), []).unwrap(),
        };
        let mut config = config();
        change(&mut config);
        let backend = Backend::new(config, adapters, None, shutdown.clone()).unwrap();
        let answers = backend.answers();
        let router = Router::new().fallback(move |request| Arc::clone(&answers).answer(request));
        Self { store, hub, artifacts, backend, router, shutdown, folder }
    }

    /// Asks with a body and headers. An answer that is an error is a problem with all that one needs.
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.ask_from(None, (method, path), headers, body).await
    }

    /// The same, by a connection.
    pub async fn ask_from(
        &self,
        peer: Option<service::Connection>,
        (method, path): (Method, &str),
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        if !headers.iter().any(|(name, _)| ["authorization", "cookie"].contains(name)) {
            request.headers_mut().insert("authorization", format!("Bearer {HOME}").parse().unwrap());
        }
        self.sent(request, headers).await
    }

    /// Asks without being anybody.
    pub async fn ask_as_nobody(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        self.sent(Request::builder().method(method).uri(path).body(body.into()).unwrap(), headers).await
    }

    async fn sent(&self, mut request: Request<Body>, headers: &[(&str, &str)]) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        for (name, value) in headers {
            // Where the request comes from, which no real header says.
            if *name == "from-address" {
                let reached = ([127, 0, 0, 1], 1).into();
                request.extensions_mut().insert(service::Connection {
                    client: value.parse().unwrap(),
                    reached,
                    secure: None,
                });
                continue;
            }
            let (name, value) = (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
            request.headers_mut().insert(name, value);
        }
        // Long bodies have a bound for the whole process, and other tests send some of the longest: one at a time.
        let long = request.body().size_hint().lower() > 32 << 10;
        let _alone = if long { Some(LONG_BODY.lock().await) } else { None };
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body };
        if answer.status >= 400 {
            answer.check_problem(&asked);
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], Body::empty()).await
    }

    /// The JSON that a path answers.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Sends JSON.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.ask(method, path, &[("content-type", "application/json")], body.to_string()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &body).await
    }

    /// Registers a repository and answers its number.
    pub async fn repo(&self, full_name: &str) -> i64 {
        self.store.intake.add_repo(&full_name.parse().unwrap(), "main", "**/*.ipynb").await.unwrap().id
    }

    /// A queued pipeline of `octocat/titanic`.
    pub async fn pipeline(&self, notebook_path: &str) -> PipelineId {
        self.store.intake.create_pipeline(pushed(notebook_path)).await.unwrap()
    }

    /// A push's deployment to dev.
    pub async fn deploy(&self, lease: &Lease, model: &ModelName, new: NewDeployment) {
        let (serving, dev) = (&self.store.serving, Environment::dev());
        let locked = serving.lock_for_push(lease, model, &dev, Duration::from_mins(1)).await.unwrap();
        let Locked::Free(lock) = locked else { panic!("{locked:?}") };
        serving.push(&lock, lease, new).await.unwrap();
        serving.unlock(&lock).await.unwrap();
    }

    /// A pipeline that a worker has.
    pub async fn leased(&self, notebook_path: &str) -> Lease {
        let id = self.pipeline(notebook_path).await;
        self.store.pipelines.take_lease(id, "worker", TTL).await.unwrap().unwrap()
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The status, and a problem's word for programs.
    pub fn code(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn check_problem(&self, asked: &str) {
        if self.header("content-type") != "application/problem+json" {
            // These say what is wrong in their own form.
            let excepted = asked.ends_with("/ready") || self.text().contains("The dashboard was not built");
            assert!(self.status == 503 && excepted, "{asked}: {} {}", self.status, self.text());
            return;
        }
        let problem = self.json();
        assert_eq!((&problem["type"], &problem["status"]), (&json!("about:blank"), &json!(self.status)), "{asked}");
        for field in ["title", "detail", "code", "request_id"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{asked}: {problem}");
        }
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{asked}");
    }
}

pub fn pushed(notebook_path: &str) -> NewPipeline {
    NewPipeline {
        repo: "octocat/titanic".parse().unwrap(),
        branch: "main".to_owned(),
        commit_sha: "5".repeat(40).parse().unwrap(),
        notebook_path: notebook_path.to_owned(),
        parameters: std::collections::BTreeMap::new(),
        delivery_id: None,
        traceparent: None,
        manual: true,
    }
}

fn config() -> Config {
    let known = [("GITHUB_WEBHOOK_SECRET", SECRET), ("GITHUB_TOKEN", "a-token"), ("FRONTEND_URL", PUBLIC)];
    let settings: Settings = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    Config {
        webhook_secret: Secret::new(SECRET),
        local_secret: Some(Secret::new(LOCAL_SECRET)),
        internal_token: Secret::new(INTERNAL.trim_start_matches("Bearer ")),
        home_token: Some(Secret::new(HOME)),
        open: service::Open { predictions: vec!["dev".parse().unwrap(), "staging".parse().unwrap()], metrics: false },
        prod_approval: false,
        model_server_url: None,
        mlflow_url: NOWHERE.to_owned(),
        public_url: Some(PUBLIC.parse().unwrap()),
        network: service::Network::default(),
        oidc: None,
        hosts: service::Hosts::read(&settings, &[], false, &mut Check::default()),
        settings: settings.effective(assembly::CONNECTION_SETTINGS.iter().chain(backend::SETTINGS)),
        mode: Mode::Distributed,
    }
}
