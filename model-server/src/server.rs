//! The server as a whole.

use std::{
    io,
    path::absolute,
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
};

use axum::{extract::Request, response::Response};
use scoring::{Runtime, RuntimeConfig, find_onnxruntime};
use service::{Doors, Hosts, Network, Secret, Shutdown};
use tokio::{fs, net::TcpListener};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Config, StartError,
    access::{Access, Keys},
    api::{self, Direct, Serving},
    load::{Copies, Workshop},
    serve::Memory,
    sync::{Backend, Deployed, Loader, Reconciler},
};

/// What may be asked under any name: it shows a token.
const BY_ANY_NAME: &[&str] = &["/internal/"];

/// An answer on its way.
pub type Pending = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A running model-server.
#[derive(Debug)]
pub struct ModelServer {
    serving: Serving,
    token: Secret,
    hosts: Hosts,
    network: Network,
    _restoring: AbortOnDropHandle<()>,
    _following: Option<AbortOnDropHandle<()>>,
    _watching: AbortOnDropHandle<()>,
}

impl ModelServer {
    /// Starts the server, begins to bring back what is deployed, and to follow the backend if there is one. `/ready` answers
    /// 503 until the former has ended and the latter was reached and followed, or was not reached for ten seconds.
    pub async fn start(mut config: Config) -> Result<Self, StartError> {
        let state = &config.state_directory;
        sandbox::keep_closed("MODEL_SERVER_STATE", state)?;
        sandbox::keep_closed("MLSYS_ARTIFACTS", config.artifacts.folder())?;
        fs::create_dir_all(state).await.map_err(StartError::state(state))?;
        let artifacts = artifacts::Store::open(&config.artifacts.address, config.artifacts.access())?;
        // Models' processes start elsewhere. An interpreter is not resolved: what it is linked to has other packages.
        for path in [&mut config.state_directory, &mut config.python, &mut config.environments_directory] {
            *path = absolute(&*path).map_err(StartError::state(&*path))?;
        }
        let onnxruntime_library = match config.onnxruntime_library {
            Some(library) => library,
            None => find_onnxruntime(&config.python).await?,
        };
        let state = &config.state_directory;
        let (file, copies) = (state.join("deployed.json"), Copies::new(state.join("models")));
        let deployed = Deployed::open(file.clone()).map_err(StartError::state(file))?;
        let keys = Keys::open(state.join("keys.json"));
        let access = Arc::new(Access::new(config.internal_token.clone(), config.open, keys));
        let (token, hosts, network) = (config.internal_token.clone(), config.hosts.clone(), config.network.clone());
        let backend = config.backend_url.as_deref();
        let backend = backend.map(|url| Backend::new(url, token.clone(), config.advertise.clone())).transpose()?;
        let runtime = Runtime::open(RuntimeConfig {
            programs: state.join("programs"),
            onnxruntime_library,
            python: config.python,
            environments_directory: config.environments_directory,
            threads: config.threads,
            queue: config.queue,
            prediction_limit: config.prediction_limit,
            memory_limit: config.memory_limit,
        })?;
        let memory = Arc::new(Memory::new(config.memory_budget));
        let watching = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&memory).watch()));
        let workshop = Workshop::new((runtime, memory), artifacts, config.provenance, config.queue);
        let loader = Arc::new(Loader::new(workshop, copies, deployed).await);
        let restoring = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&loader).restore()));
        let caught_up = Arc::new(AtomicBool::new(backend.is_none()));
        let following = backend.map(|backend| {
            let reconciler = Reconciler::new((Arc::clone(&loader), Arc::clone(&access)), backend, Arc::clone(&caught_up));
            AbortOnDropHandle::new(tokio::spawn(reconciler.run()))
        });
        let serving = Serving { loader, access, caught_up, ours: false };
        Ok(Self { serving, token, hosts, network, _restoring: restoring, _following: following, _watching: watching })
    }

    /// Answers requests until told to stop.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub fn answer(&self, listener: TcpListener, shutdown: Shutdown) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let (serving, hosts) = (self.serving.clone(), self.hosts.clone());
        let routes = api::router(serving.clone(), self.token.clone());
        let routes = service::layers(service::doors(routes, hosts.clone(), BY_ANY_NAME));
        let direct = Direct { serving, doors: Some(Doors::new(hosts, BY_ANY_NAME)), router: routes.with_state(()) };
        let direct = Arc::new(direct);
        let answer = move |request| Arc::clone(&direct).answer(request);
        service::serve_with(listener, answer, self.network.clone(), shutdown)
    }

    /// Answers predictions of this process, which has looked at who asks and how much they send, as those of the network.
    pub fn answer_here(&self) -> impl Fn(Request) -> Pending + Send + Sync + use<> {
        let serving = Serving { ours: true, ..self.serving.clone() };
        let router = api::predictions(&serving).with_state(serving.clone());
        let direct = Arc::new(Direct { serving, doors: None, router });
        move |request| Box::pin(Arc::clone(&direct).answer(request))
    }

    /// Answers requests until told to stop, and shuts down.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> io::Result<()> {
        let ended = self.answer(listener, shutdown).await;
        self.shutdown().await;
        ended
    }

    /// Takes every model out of service and waits for their processes to end. What is deployed stays remembered.
    pub async fn shutdown(self) {
        let Self { serving, _restoring: restoring, _following: following, .. } = self;
        drop((restoring, following));
        serving.loader.close().await;
    }
}
