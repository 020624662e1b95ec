//! API, worker, model-server and MLflow in one process, as `up` and `demo` start them.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use backend::Backend;
use forge::{GitHub, Host, LocalGit};
use kernel::KernelSpec;
use model_server::ModelServer;
use service::{EffectiveSetting, Secret, Shutdown};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::task::AbortOnDropHandle;
use worker::Worker;

use crate::{
    commands::Outbox,
    home::{Addresses, Home, HomeLock},
    settings::{Ports, Settings, StackSettings},
};

/// How long MLflow may take to answer after its start.
const MLFLOW_READY: Duration = Duration::from_mins(3);
/// How often MLflow is started again.
const MLFLOW_RESTARTS: u32 = 10;
/// How long to wait before that.
const MLFLOW_PAUSE: Duration = Duration::from_secs(1);
/// How long the parts may take to end once they are to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How many predictions one model may have in hand; more are turned away at once.
const PREDICTION_QUEUE: usize = 256;
/// The longest a prediction may take.
const PREDICTION_LIMIT: Duration = Duration::from_secs(30);
/// A running stack.
pub(crate) struct Stack {
    /// Where it can be reached.
    pub addresses: Addresses,
    /// The wish to stop it.
    pub shutdown: Shutdown,
    parts: JoinSet<anyhow::Result<()>>,
    mlflow: Option<Tracking>,
    kernels: Arc<kernel::Pool>,
    model_server: ModelServer,
    _held: Held,
}

/// What lasts as long as the stack: the home's lock, and the task that installs `uv`.
type Held = (HomeLock, AbortOnDropHandle<()>);

/// The MLflow server of ours, and what it takes to start it again.
struct Tracking {
    server: mlflow::Server,
    config: mlflow::ServerConfig,
}

/// The sockets, taken before anything else: a taken port must not cost a minute of preparation.
struct Sockets {
    api: TcpListener,
    model_server: TcpListener,
    mlflow_port: u16,
}

/// What is known before the first part starts.
struct Ground {
    home: Home,
    settings: StackSettings,
    effective: Vec<EffectiveSetting>,
    addresses: Addresses,
    python: PathBuf,
    uv: PathBuf,
    webhook_secret: Secret,
    internal_token: Secret,
}

impl Stack {
    /// Starts everything; the API takes pushes at once, and the worker starts when MLflow answers. `say` hears what
    /// takes long.
    pub async fn start(settings: &Settings, ports: Ports, say: impl Fn(&str)) -> anyhow::Result<Self> {
        let checked = settings.stack(ports)?;
        let home = Home::open(&settings.home)?;
        let lock = home.lock()?;
        let sockets = Sockets::bind(&checked).await?;
        let platform = settings.platform()?;
        let python = platform.prepare(&|text| eprintln!("{text}")).await?;
        python::check(&python).await?;
        let ground = Ground {
            addresses: sockets.addresses(&checked)?,
            webhook_secret: home.webhook_secret(checked.webhook_secret.as_ref())?,
            internal_token: match &checked.internal_token {
                Some(token) => token.clone(),
                None => home.kept_secret("internal.secret")?,
            },
            uv: platform.uv(),
            home,
            settings: checked,
            effective: settings.effective(ports),
            python,
        };
        // Only notebooks that name dependencies need it, so nothing waits for it.
        let uv = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = platform.ensure_uv(&|text| eprintln!("{text}")).await {
                tracing::warn!(%error, "there is no uv: notebooks that name dependencies will fail");
            }
        }));
        ground.run(sockets, (lock, uv), say).await
    }

    /// Waits until the stack is told to stop, or a part of it ends by itself, which is an error.
    pub async fn wait(&mut self) -> anyhow::Result<()> {
        for restarts in 0.. {
            let mlflow_ended = async {
                match &mut self.mlflow {
                    Some(tracking) => tracking.server.ended().await,
                    None => std::future::pending().await,
                }
            };
            let error = tokio::select! {
                // First: when told to stop, the parts end too.
                biased;
                () = self.shutdown.requested() => return Ok(()),
                ended = self.parts.join_next() => return match ended {
                    Some(Ok(Err(error))) => Err(error),
                    Some(Err(error)) => Err(error).context("a part of mlsys broke"),
                    Some(Ok(Ok(()))) | None => bail!("a part of mlsys ended by itself"),
                },
                error = mlflow_ended => error,
            };
            if restarts == MLFLOW_RESTARTS {
                return Err(error.into());
            }
            // Pipelines wait for it, and predictions don't need it.
            tracing::error!(%error, "MLflow ended by itself and is started again");
            // Its port may take a moment to be free.
            tokio::time::sleep(MLFLOW_PAUSE).await;
            if let Some(tracking) = &mut self.mlflow {
                match mlflow::Server::start(tracking.config.clone()).await {
                    Ok(server) => tracking.server = server,
                    // The old one has still ended, so the next round tries again.
                    Err(error) => tracing::error!(%error, "MLflow could not be started yet"),
                }
            }
        }
        Ok(())
    }

    /// Stops everything in order: no new work, then the work in hand, then what it needed.
    pub async fn stop(mut self) {
        self.shutdown.begin();
        let ended = async {
            while let Some(part) = self.parts.join_next().await {
                match part {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::error!(error = format!("{error:#}"), "a part did not end well"),
                    Err(error) => tracing::error!(%error, "a part broke"),
                }
            }
        };
        if tokio::time::timeout(STOP_LIMIT, ended).await.is_err() {
            tracing::warn!("some parts did not end in time");
        }
        self.kernels.shutdown().await;
        self.model_server.shutdown().await;
        if let Some(Err(error)) = match self.mlflow {
            Some(tracking) => Some(tracking.server.shutdown().await),
            None => None,
        } {
            tracing::warn!(%error, "MLflow had to be killed");
        }
    }
}

impl Sockets {
    async fn bind(settings: &StackSettings) -> anyhow::Result<Self> {
        let bind = async |port: u16, what: &str, flag: &str| {
            TcpListener::bind(SocketAddr::new(settings.host, port))
                .await
                .with_context(|| format!("{what} can't listen on {}:{port}: choose another port with {flag}", settings.host))
        };
        let api = bind(settings.port, "the API", "--port").await?;
        let model_server = bind(settings.model_server_port, "the model-server", "--model-server-port").await?;
        let mlflow_port = if settings.mlflow_url.is_some() {
            0
        } else {
            let probe = bind(settings.mlflow_port, "MLflow", "--mlflow-port").await?;
            probe.local_addr()?.port()
        };
        Ok(Self { api, model_server, mlflow_port })
    }

    fn addresses(&self, settings: &StackSettings) -> anyhow::Result<Addresses> {
        let url = |address: SocketAddr| {
            // What listens everywhere is reached over the loopback.
            let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
            format!("http://{host}:{}", address.port())
        };
        let mlflow = format!("http://127.0.0.1:{}", self.mlflow_port);
        Ok(Addresses {
            api: url(self.api.local_addr()?),
            model_server: url(self.model_server.local_addr()?),
            mlflow: settings.mlflow_url.clone().unwrap_or(mlflow),
            pid: std::process::id(),
        })
    }
}

impl Ground {
    async fn run(self, sockets: Sockets, held: Held, say: impl Fn(&str)) -> anyhow::Result<Stack> {
        let shutdown = Shutdown::on_signals()?;
        let token = shutdown.token();
        let mut mlflow = self.start_mlflow(sockets.mlflow_port).await?;
        let store = store::Store::open(&format!("sqlite://{}", self.home.join("mlsys.db").display())).await?;
        // This home's lock is ours, so whoever held these leases and locks is dead, and so are the model-servers of before.
        store.pipelines.release_all_leases().await?;
        store.tasks.release_all_leases().await?;
        store.serving.expire_locks().await?;
        store.serving.forget_servers().await?;
        let queue = bus::Queue::open(&format!("sqlite://{}", self.home.join("queue.db").display())).await?;
        let hub = bus::LogHub::in_memory();
        let tuning = &self.settings.tuning;
        let spec = KernelSpec {
            python: self.python.clone(),
            memory_limit: tuning.memory_limit,
            preload: worker::process::PRELOAD.map(str::to_owned).to_vec(),
        };
        let kernels = kernel::Pool::start(spec, tuning.pool_size, token.clone());
        let model_server = self.model_server(sockets.model_server.local_addr()?).await?;
        let local = LocalGit { root: self.home.git() };
        let github = GitHub::new(&self.settings.github_api_url, self.settings.github_token.as_ref().map(Secret::expose))?;
        let backend = self.backend(&store, &queue, &hub, (&local, &github), &shutdown)?;
        let worker = self.worker(store, hub, worker::Hosts::new(local, github), kernels.clone())?;

        let mut parts = JoinSet::new();
        parts.spawn(serve(sockets.api, backend.router(), shutdown.clone()));
        parts.spawn(serve(sockets.model_server, model_server.router(), shutdown.clone()));
        parts.spawn(async move {
            let _: () = backend.work().await;
            Ok(())
        });
        self.home.write_addresses(&self.addresses)?;
        self.send_kept_pushes().await;
        if let Some(tracking) = &mut mlflow {
            say("waiting for MLflow…");
            tokio::select! {
                ready = tracking.server.wait_ready(MLFLOW_READY) => ready?,
                () = shutdown.requested() => bail!("stopped while MLflow was starting"),
            }
        }
        parts.spawn(async move { Ok(worker.run(&queue, token).await?) });
        Ok(Stack { addresses: self.addresses, shutdown, parts, mlflow, kernels, model_server, _held: held })
    }

    async fn start_mlflow(&self, port: u16) -> anyhow::Result<Option<Tracking>> {
        if self.settings.mlflow_url.is_some() {
            return Ok(None);
        }
        let config = mlflow::ServerConfig {
            python: self.python.clone(),
            directory: self.home.join("mlflow"),
            port,
            log_file: self.home.join("mlflow.log"),
        };
        let server = mlflow::Server::start(config.clone()).await?;
        Ok(Some(Tracking { server, config }))
    }

    async fn model_server(&self, listen: SocketAddr) -> anyhow::Result<ModelServer> {
        let python = self.python.clone();
        let onnxruntime_library = model_server::find_onnxruntime(&python).await?;
        let config = model_server::Config {
            state_directory: self.home.join("model-server"),
            artifacts: self.settings.artifacts.clone(),
            environments_directory: self.home.join("environments"),
            onnxruntime_library,
            python,
            internal_token: self.internal_token.clone(),
            listen,
            advertise: self.addresses.model_server.clone(),
            backend_url: Some(self.addresses.api.clone()),
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            queue: PREDICTION_QUEUE,
            prediction_limit: PREDICTION_LIMIT,
        };
        Ok(ModelServer::start(config).await?)
    }

    fn backend(
        &self,
        store: &store::Store,
        queue: &bus::Queue,
        hub: &bus::LogHub,
        (local, github): (&LocalGit, &GitHub),
        shutdown: &Shutdown,
    ) -> anyhow::Result<Backend> {
        let config = backend::Config {
            webhook_secret: self.webhook_secret.clone(),
            internal_token: self.internal_token.clone(),
            model_server_url: Some(self.addresses.model_server.clone()),
            mlflow_url: self.addresses.mlflow.clone(),
            public_url: self.settings.public_url.clone(),
            local_only: self.settings.host.is_loopback(),
            settings: self.effective.clone(),
            mode: backend::Mode::Embedded,
        };
        let adapters = backend::Adapters {
            store: store.clone(),
            queue: queue.clone(),
            hub: hub.clone(),
            local: Host::Local(local.clone()),
            github: Host::GitHub(github.clone()),
            mlflow: mlflow::Client::new(&self.addresses.mlflow, None)?,
            artifacts: self.artifacts()?,
        };
        Ok(Backend::new(config, adapters, shutdown.token())?)
    }

    fn worker(
        &self,
        store: store::Store,
        hub: bus::LogHub,
        hosts: worker::Hosts,
        kernels: Arc<kernel::Pool>,
    ) -> anyhow::Result<Worker> {
        let config = worker::Config {
            name: worker::process::name(),
            tuning: self.settings.tuning.clone(),
            work_directory: self.home.join("work"),
            mlflow_url: self.addresses.mlflow.clone(),
            internal_token: self.internal_token.clone(),
        };
        let environments = python::Environments::new(self.home.join("environments"), self.uv.clone(), self.python.clone());
        let adapters = worker::Adapters {
            store,
            hub,
            hosts,
            mlflow: mlflow::Client::new(&self.addresses.mlflow, None)?,
            artifacts: self.artifacts()?,
            kernels,
            environments,
            pods: None,
        };
        Worker::new(config, adapters)
    }

    fn artifacts(&self) -> anyhow::Result<artifacts::Store> {
        let settings = &self.settings.artifacts;
        artifacts::Store::open(&settings.address, settings.access()).context("MLSYS_ARTIFACTS")
    }

    /// Pushes that came while mlsys was down.
    async fn send_kept_pushes(&self) {
        let outbox = Outbox::of(&self.home);
        match outbox.send(&self.addresses.api, &self.webhook_secret).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "pushes from while mlsys was down are taken up"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "kept pushes could not be taken up"),
        }
    }
}

async fn serve(listener: TcpListener, router: axum::Router, shutdown: Shutdown) -> anyhow::Result<()> {
    Ok(service::serve(listener, router, shutdown).await?)
}
