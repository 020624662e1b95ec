//! API, worker, model-server and MLflow in one process, as `up` and `demo` start them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use assembly::Adapters;
use backend::{Backend, ModelServerHere};
use futures_util::TryFutureExt;
use model_server::ModelServer;
use service::Shutdown;
use tokio::{net::TcpListener, task::JoinSet, try_join};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    home::{Addresses, Home, HomeLock},
    outbox::Outbox,
    settings::{Known, Ports, Processes, Settings},
};

/// How long MLflow may take to answer after its start.
const MLFLOW_READY: Duration = Duration::from_mins(3);
/// How often MLflow is started again.
const MLFLOW_RESTARTS: u32 = 10;
/// How long to wait before that.
const MLFLOW_PAUSE: Duration = Duration::from_secs(1);
/// How long the address that signs a browser in is good.
const SIGN_IN: Duration = Duration::from_hours(24);
/// How long the parts may take to end once they are to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running stack.
pub(crate) struct Stack {
    /// Where it can be reached.
    pub addresses: Addresses,
    /// Where a browser signs in, once.
    pub sign_in: String,
    /// The wish to stop it.
    pub shutdown: Shutdown,
    parts: JoinSet<anyhow::Result<()>>,
    mlflow: Option<Tracking>,
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
    worker: Option<TcpListener>,
    /// Where MLflow will listen; none: it is a server of the user's own.
    mlflow_port: Option<u16>,
}

/// What is known before the first part starts.
struct Ground {
    home: Home,
    processes: Processes,
    known: Known,
}

impl Stack {
    /// Starts everything; the API takes pushes at once, and the worker starts when MLflow answers. `say` hears what
    /// takes long.
    pub async fn start(settings: &Settings, ports: Ports, say: impl Fn(&str)) -> anyhow::Result<Self> {
        sandbox::make_undumpable();
        let settings = settings.clone().with(ports);
        let drafted = settings.processes(None)?;
        for text in settings.without_effect() {
            tracing::warn!("{text}");
        }
        let home = Home::open(&settings.home)?;
        let lock = home.lock()?;
        let sockets = Sockets::bind(&drafted).await?;
        let platform = settings.platform()?;
        let python = platform.prepare(&|text| eprintln!("{text}")).await?;
        python::check(&python).await?;
        let known = Known {
            addresses: sockets.addresses(&drafted)?,
            webhook_secret: home.webhook_secret(settings.secret("GITHUB_WEBHOOK_SECRET").as_ref())?,
            local_secret: home.local_secret(settings.secret("LOCAL_WEBHOOK_SECRET").as_ref())?,
            internal_token: match settings.secret("INTERNAL_TOKEN") {
                Some(token) => token,
                None => home.kept_secret("internal.secret")?,
            },
            signing_key: match settings.secret("SIGNING_KEY") {
                Some(key) => key,
                None => home.kept_secret("signing.secret")?,
            },
            secrets_key: if settings.has_secrets_key() { None } else { Some(home.secrets_key()?) },
            python,
        };
        let mut processes = settings.processes(Some(&known))?;
        processes.backend.backend.mode = backend::Mode::Embedded;
        processes.backend.backend.settings = settings.effective(&known);
        processes.backend.backend.home_token = Some(home.make_token()?);
        let ground = Ground { home: home.clone(), processes, known };
        // Only notebooks that name dependencies need it, so nothing waits for it.
        let uv = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = platform.ensure_uv(&|text| eprintln!("{text}")).await {
                tracing::warn!(%error, "there is no uv: notebooks that name dependencies will fail");
            }
        }));
        // All processes are in it: much for the stack of whoever waits.
        Box::pin(ground.run(sockets, (lock, uv), say)).await
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
                    Some(Err(error)) => Err(error).context("a part of mlsys panicked"),
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
        if let Some(Err(error)) = match self.mlflow {
            Some(tracking) => Some(tracking.server.shutdown().await),
            None => None,
        } {
            tracing::warn!(%error, "MLflow had to be killed");
        }
    }
}

impl Sockets {
    async fn bind(processes: &Processes) -> anyhow::Result<Self> {
        let bind = async |address: SocketAddr, what: &str, flag: &str| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("{what} can't listen on {address}: choose another port with {flag}"))
        };
        let listen = processes.backend.listen;
        let api = bind(listen, "the API", "--port").await?;
        let model_server = bind(processes.model_server.listen, "the model-server", "--model-server-port").await?;
        let worker = if processes.worker_listens {
            Some(bind(processes.worker.listen, "the worker", "WORKER_PORT").await?)
        } else {
            None
        };
        let mlflow_port = match processes.mlflow_port {
            Some(port) => {
                Some(bind(SocketAddr::new(listen.ip(), port), "MLflow", "--mlflow-port").await?.local_addr()?.port())
            }
            None => None,
        };
        Ok(Self { api, model_server, worker, mlflow_port })
    }

    fn addresses(&self, processes: &Processes) -> anyhow::Result<Addresses> {
        let url = |address: SocketAddr| {
            // What listens everywhere is reached over the loopback.
            let ip = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
            format!("http://{}", SocketAddr::new(ip, address.port()))
        };
        Ok(Addresses {
            api: url(self.api.local_addr()?),
            model_server: url(self.model_server.local_addr()?),
            mlflow: match self.mlflow_port {
                Some(port) => format!("http://127.0.0.1:{port}"),
                None => processes.backend.connections.mlflow_url.clone(),
            },
            pid: std::process::id(),
        })
    }
}

impl Ground {
    async fn run(self, sockets: Sockets, held: Held, say: impl Fn(&str)) -> anyhow::Result<Stack> {
        let Self { home, processes, known } = self;
        let shutdown = Shutdown::on_signals()?;
        let token = shutdown.token();
        let mut mlflow = start_mlflow(&home, &known.python, sockets.mlflow_port).await?;
        let adapters = Adapters::open(&processes.backend.connections, &shutdown).await?;
        // What was made just now.
        home.tighten();
        if processes.own_database {
            // This home's lock is ours, so whoever held these leases and locks is dead, and so are the model-servers of before.
            let store = &adapters.store;
            store.pipelines.release_all_leases().await?;
            store.tasks.release_all_leases().await?;
            store.serving.expire_locks().await?;
            store.serving.forget_servers().await?;
        }
        // One setting for both parts that run code of others.
        sandbox::begin(processes.worker.sandbox)?;
        let model_server = ModelServer::start(processes.model_server).await?;
        let public = processes.backend.backend.public_url.clone();
        let is_own = processes.backend.backend.model_server_url.as_ref() == Some(&known.addresses.model_server);
        let here = is_own.then(|| Arc::new(model_server.answer_here()) as ModelServerHere);
        let backend = Backend::new(processes.backend.backend, adapters.clone(), here, token)?;
        let base = public.as_ref().map_or(known.addresses.api.as_str(), |url| url.as_str());
        let sign_in = backend.owners_address(base, SIGN_IN).await?;
        let worker = worker::process::Process::start(&processes.worker, adapters, &shutdown).await?;

        let mut parts = JoinSet::new();
        // The backend calls the model-server, which therefore closes after both.
        let api = backend::serve(backend, sockets.api, shutdown.clone());
        let models = model_server.answer(sockets.model_server, shutdown.clone()).map_err(Into::into);
        parts.spawn(async move {
            let ended = try_join!(api, models);
            model_server.shutdown().await;
            ended.map(drop)
        });
        home.write_addresses(&known.addresses)?;
        send_kept_pushes(&home, &known).await;
        if let Some(tracking) = &mut mlflow {
            say("waiting for MLflow…");
            tokio::select! {
                ready = tracking.server.wait_ready(MLFLOW_READY) => ready?,
                () = shutdown.requested() => bail!("stopped while MLflow was starting"),
            }
            home.tighten();
        }
        let stop = shutdown.clone();
        parts.spawn(async move { worker.serve(sockets.worker, &stop).await });
        Ok(Stack { addresses: known.addresses, sign_in, shutdown, parts, mlflow, _held: held })
    }
}

async fn start_mlflow(home: &Home, python: &Path, port: Option<u16>) -> anyhow::Result<Option<Tracking>> {
    let Some(port) = port else { return Ok(None) };
    let config = mlflow::ServerConfig {
        python: python.to_owned(),
        directory: home.join("mlflow"),
        port,
        log_file: home.join("mlflow.log"),
    };
    let server = mlflow::Server::start(config.clone()).await?;
    Ok(Some(Tracking { server, config }))
}

/// Pushes that came while mlsys was down.
async fn send_kept_pushes(home: &Home, known: &Known) {
    match Outbox::of(home).send(&known.addresses.api, &known.local_secret).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "pushes that came while mlsys was down are accepted"),
        Err(error) => tracing::error!(error = format!("{error:#}"), "kept pushes could not be sent"),
    }
}
