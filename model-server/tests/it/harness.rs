//! A server on a free port, and models to load into it.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use artifacts::{Store, VersionLocation};
use contract::{Environment, LoadedModel, ModelName, Problem};
use model_server::{Config, ModelServer, ProvenanceRule};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{self, HeaderValue},
};
use serde_json::{Value, json};
use service::{Open, Secret, Shutdown, StoreSettings};
use tempfile::TempDir;
use testkit::packaged;
pub use testkit::python;
use tokio::{net::TcpListener, task::JoinHandle};

pub const TOKEN: &str = "a token for tests";
/// The longest that anything here may take.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// A packaged model's manifest.
pub fn manifest(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(packaged(name).join("metadata.json")).unwrap()).unwrap()
}

/// The folders and limits of a server; servers may follow each other in one place.
pub struct Place {
    folder: TempDir,
    store: Store,
    pub queue: usize,
    pub threads: usize,
    pub memory_limit: Option<u64>,
    pub prediction_limit: Duration,
    pub memory_budget: Option<u64>,
    pub backend_url: Option<String>,
    pub open: Open,
    pub provenance: ProvenanceRule,
    gated: bool,
}

impl Place {
    pub fn new() -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("artifacts").to_str().unwrap(), []).unwrap();
        // Numbers are collected from here on.
        drop(service::telemetry::metrics::routes::<()>());
        let open = Open { predictions: vec!["dev".parse().unwrap(), "staging".parse().unwrap()], metrics: false };
        Self {
            folder,
            store,
            queue: 64,
            threads: 2,
            memory_limit: None,
            prediction_limit: Duration::from_secs(30),
            memory_budget: None,
            backend_url: None,
            open,
            provenance: ProvenanceRule::default(),
            gated: false,
        }
    }

    /// A place whose Python processes start only while its gate is open.
    pub fn gated() -> Self {
        let place = Self { gated: true, ..Self::new() };
        let (python, gate) = (std::path::absolute(python()).unwrap(), place.gate());
        // It names the environment that it leads to, as a virtual environment does.
        std::fs::create_dir_all(place.gatekeeper().parent().unwrap()).unwrap();
        let home = format!("home = {}\n", python.parent().unwrap().display());
        std::fs::write(gate.with_file_name("pyvenv.cfg"), home).unwrap();
        place.open_gate();
        let script = format!(
            "#!/bin/sh\nwhile ! test -e '{}'; do sleep 0.02; done\nexec '{}' \"$@\"\n",
            gate.display(),
            python.display()
        );
        std::fs::write(place.gatekeeper(), script).unwrap();
        std::fs::set_permissions(place.gatekeeper(), std::fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn gate(&self) -> PathBuf {
        self.folder.path().join("gated/gate")
    }

    fn gatekeeper(&self) -> PathBuf {
        self.folder.path().join("gated/bin/python")
    }

    pub fn open_gate(&self) {
        std::fs::write(self.gate(), "").unwrap();
    }

    pub fn close_gate(&self) {
        std::fs::remove_file(self.gate()).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where the Python environments are that models name.
    pub fn environments(&self) -> PathBuf {
        self.folder.path().join("environments")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.folder.path().join("artifacts")
    }

    /// Puts a packaged model into the store as a model's version.
    pub async fn put(&self, packaged_name: &str, model: &str, version: u64) -> VersionLocation {
        let from = packaged(packaged_name);
        let names: Vec<_> =
            std::fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let model: ModelName = model.parse().unwrap();
        self.store.put_version(&Environment::dev(), &model, version, &from, &names).await.unwrap()
    }

    /// Puts a packaged model into the store as version 1 of a model of another name.
    pub async fn put_as(&self, packaged_name: &str, model: &str) -> VersionLocation {
        self.put_renamed(packaged_name, (model, 1), None).await
    }

    /// The same, of a model that was trained in a Python environment.
    pub async fn put_in(&self, packaged_name: &str, model: &str, environment: Option<&str>) -> VersionLocation {
        self.put_renamed(packaged_name, (model, 1), environment).await
    }

    /// A version of a model whose Python environment is none of the others', and as gated as they are.
    pub async fn put_late(&self, packaged_name: &str, model: &str, version: u64) -> VersionLocation {
        let late = self.environments().join("late");
        std::fs::create_dir_all(late.join("bin")).unwrap();
        std::os::unix::fs::symlink(self.gatekeeper(), late.join("bin/python")).unwrap();
        std::fs::copy(self.gate().with_file_name("pyvenv.cfg"), late.join("pyvenv.cfg")).unwrap();
        self.put_renamed(packaged_name, (model, version), Some("late")).await
    }

    /// Puts a packaged model into the store as a version of a model of another name.
    pub async fn put_renamed(&self, packaged_name: &str, named: (&str, u64), environment: Option<&str>) -> VersionLocation {
        let changes = environment.map_or_else(|| json!({}), |environment| json!({ "environment": environment }));
        self.put_changed(packaged_name, named, &changes).await
    }

    /// The same, with other changes of its manifest.
    pub async fn put_changed(&self, packaged_name: &str, (model, version): (&str, u64), changes: &Value) -> VersionLocation {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = manifest(packaged_name);
        manifest["model_name"] = json!(model);
        for (name, value) in changes.as_object().unwrap() {
            manifest[name] = value.clone();
        }
        let mut names = vec!["metadata.json"];
        for name in manifest["files"].as_object().unwrap().keys() {
            std::fs::copy(packaged(packaged_name).join(name), folder.path().join(name)).unwrap();
            names.push(name);
        }
        std::fs::write(folder.path().join("metadata.json"), manifest.to_string()).unwrap();
        self.store.put_version(&Environment::dev(), &model.parse().unwrap(), version, folder.path(), &names).await.unwrap()
    }

    /// Puts some files of a folder into the store as version 1 of a model.
    pub async fn put_folder(&self, folder: &Path, model: &str, names: &[&str]) -> VersionLocation {
        self.store.put_version(&Environment::dev(), &model.parse().unwrap(), 1, folder, names).await.unwrap()
    }

    pub async fn serve(&self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = self.config(listener.local_addr().unwrap()).await;
        let url = config.advertise.clone();
        // Models tell the numbers of their processes, which are others outside where there are namespaces.
        sandbox::begin(config.sandbox).unwrap();
        let models = ModelServer::start(config).await.unwrap();
        let shutdown = Shutdown::new();
        let serving = tokio::spawn(models.answer(listener, shutdown.clone()));
        let shown = (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap());
        let client = Client::builder().timeout(DEADLINE).default_headers([shown].into_iter().collect()).build().unwrap();
        let stranger = Client::builder().timeout(DEADLINE).build().unwrap();
        Server { url, client, stranger, models, shutdown, serving }
    }

    pub async fn config(&self, listen: SocketAddr) -> Config {
        let home = service::Settings::from_iter([]);
        Config {
            listen,
            backend_url: self.backend_url.clone(),
            advertise: format!("http://{listen}"),
            state_directory: self.state(),
            artifacts: StoreSettings::artifacts(&home, self.folder.path()),
            // Found here: a gated interpreter would not answer.
            onnxruntime_library: Some(scoring::find_onnxruntime(&python()).await.unwrap()),
            python: if self.gated { self.gatekeeper() } else { python() },
            environments_directory: self.environments(),
            hosts: service::Hosts::default(),
            network: service::Network::default(),
            internal_token: Secret::new(TOKEN),
            open: self.open.clone(),
            provenance: self.provenance.clone(),
            threads: self.threads,
            queue: self.queue,
            prediction_limit: self.prediction_limit,
            memory_budget: self.memory_budget,
            memory_limit: self.memory_limit,
            sandbox: sandbox::Mode::Landlock,
        }
    }

    /// A server that serves one packaged model as version 1 of a model of the same name, in dev.
    pub async fn serve_one(&self, name: &str) -> Server {
        let server = self.serve().await;
        let location = self.put(name, name, 1).await;
        server.loads(name, &location, 1, "dev").await;
        server
    }
}

pub struct Server {
    pub url: String,
    /// Asks as the backend does; see `access` for others.
    pub client: Client,
    /// Shows nothing by itself.
    pub stranger: Client,
    models: ModelServer,
    shutdown: Shutdown,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// Asks for a load.
    pub async fn load(&self, model: &str, location: &VersionLocation, version: u64, environment: &str) -> Response {
        let request =
            json!({"version": version, "uri": location.uri, "sha256": location.sha256, "environment": environment});
        self.post(&format!("/internal/load/{model}")).bearer_auth(TOKEN).json(&request).send().await.unwrap()
    }

    /// Asks for a load by a deployment.
    pub async fn load_as(&self, model: &str, (location, version): (&VersionLocation, u64), generation: u64) -> Response {
        let (uri, sha256) = (&location.uri, &location.sha256);
        let request =
            json!({"version": version, "uri": uri, "sha256": sha256, "environment": "dev", "generation": generation});
        self.post(&format!("/internal/load/{model}")).bearer_auth(TOKEN).json(&request).send().await.unwrap()
    }

    /// Asks for other shares in dev: of each version its weight and its shadow percentage.
    pub async fn share(&self, model: &str, shares: &[(u64, u32, u32)], generation: u64) -> Response {
        let share =
            |(version, weight, shadow): &(u64, u32, u32)| json!({"version": version, "weight": weight, "shadow": shadow});
        let shares: Vec<_> = shares.iter().map(share).collect();
        let request = json!({"environment": "dev", "generation": generation, "shares": shares});
        let url = format!("{}/internal/traffic/{model}", self.url);
        self.client.put(url).json(&request).send().await.unwrap()
    }

    /// Loads, which must succeed.
    pub async fn loads(&self, model: &str, location: &VersionLocation, version: u64, environment: &str) -> LoadedModel {
        let response = self.load(model, location, version, environment).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn unload(&self, model: &str, environment: &str) -> Response {
        let request = json!({"environment": environment});
        self.post(&format!("/internal/unload/{model}")).bearer_auth(TOKEN).json(&request).send().await.unwrap()
    }

    pub async fn predict(&self, target: &str, body: impl Into<reqwest::Body>) -> Response {
        self.post(&format!("/predict/{target}")).body(body).send().await.unwrap()
    }

    /// Predicts, which must succeed.
    pub async fn answer(&self, target: &str, body: impl Into<reqwest::Body>) -> Value {
        let response = self.predict(target, body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Predicts, which must be refused with a 400. Gives the detail.
    pub async fn refusal(&self, target: &str, body: impl Into<reqwest::Body>) -> String {
        let problem = problem(self.predict(target, body).await).await;
        assert_eq!((problem.status, problem.code.as_str()), (400, "bad_input"), "{}", problem.detail);
        problem.detail
    }

    /// Waits until a path answers with a status.
    pub async fn until(&self, path: &str, status: u16) -> Value {
        let wait = async {
            loop {
                let response = self.get(path).await;
                if response.status() == status {
                    return response.json().await.unwrap();
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap()
    }

    /// Stops as the program does.
    pub async fn stop(self) {
        self.shutdown.begin();
        self.serving.await.unwrap().unwrap();
        self.models.shutdown().await;
    }
}

/// The problem in an error response.
pub async fn problem(response: Response) -> Problem {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Problem = response.json().await.unwrap();
    assert_eq!(problem.request_id, id);
    problem
}

/// A status and a code, for comparing.
pub async fn outcome(response: Response) -> (u16, String) {
    let problem = problem(response).await;
    (problem.status, problem.code)
}

/// Asserts that two JSON values are the same, numbers within `tolerance`.
pub fn assert_close(given: &Value, wanted: &Value, tolerance: f64) {
    match (given, wanted) {
        (Value::Array(given), Value::Array(wanted)) => {
            assert_eq!(given.len(), wanted.len());
            given.iter().zip(wanted).for_each(|(given, wanted)| assert_close(given, wanted, tolerance));
        }
        (Value::Number(_), Value::Number(_)) => {
            let (given, wanted) = (given.as_f64().unwrap(), wanted.as_f64().unwrap());
            assert!((given - wanted).abs() <= tolerance, "{given} {wanted}");
        }
        _ => assert_eq!(given, wanted),
    }
}
