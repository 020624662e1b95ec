//! The worker as a process of its own.

use std::{path::absolute, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, ensure};
use assembly::Adapters;
use contract::PipelineId;
use kernel::{KernelSpec, Pool};
use python::Environments;
use service::{Settings, Shutdown, health, telemetry};
use tokio::net::TcpListener;

use crate::{
    Config, ProcessConfig, Worker, pods,
    runner::{self, KubernetesRunner},
    worker::Notebooks,
};

/// What kernels of the pool import ahead.
const PRELOAD: [&str; 2] = ["pandas", "sklearn"];

/// Carries pipelines through their phases. Settings are environment variables; `mlsys settings` lists them.
#[derive(Debug, clap::Parser)]
#[command(name = "worker", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Carries one pipeline to its end, as the Job of the Kubernetes runner does
    RunPipeline {
        /// The pipeline
        id: PipelineId,
        /// The number of the lease that is handed to this process
        #[arg(long)]
        lease: i64,
    },
}

/// Runs until told to stop.
///
/// # Errors
/// When a setting can't be used, or a server that is needed does not come up.
pub async fn run(cli: Cli, settings: &Settings) -> Result<ExitCode> {
    let _telemetry = telemetry::init("worker", "info", settings);
    sandbox::make_undumpable();
    let config = ProcessConfig::from_settings(settings)?;
    tracing::info!(?config, "starting");
    let shutdown = Shutdown::on_signals()?;
    match cli.command {
        Some(Command::RunPipeline { id, lease }) => run_one(&config, id, lease, &shutdown).await,
        None => run_many(&config, &shutdown).await.map(|()| ExitCode::SUCCESS),
    }
}

/// One pipeline, in a pod. A database that is unavailable may be back for the next pod.
async fn run_one(config: &ProcessConfig, id: PipelineId, lease: i64, shutdown: &Shutdown) -> Result<ExitCode> {
    let adapters = Adapters::open(&config.connections, shutdown).await?;
    let (worker, _kernels) = assemble(config, adapters, (pods::owner(id, lease), 0), None, shutdown)?;
    match worker.run_one(id, lease, &shutdown.token()).await {
        Ok(true) => {}
        Ok(false) => tracing::info!(pipeline.id = %id, lease, "the lease is over, or another worker's"),
        Err(error) => {
            tracing::error!(%error, "the pipeline could not be taken");
            return Ok(ExitCode::from(u8::try_from(runner::TRY_AGAIN)?));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_many(config: &ProcessConfig, shutdown: &Shutdown) -> Result<()> {
    let listener = listen(config).await?;
    let adapters = Adapters::open(&config.connections, shutdown).await?;
    Process::start(config, adapters, shutdown).await?.serve(Some(listener), shutdown).await
}

/// The socket of `/health`, `/ready` and `/metrics`.
///
/// # Errors
/// When its port is taken.
pub async fn listen(config: &ProcessConfig) -> Result<TcpListener> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("can't listen on {}: choose another WORKER_PORT", config.listen))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// A worker that was made and does not work yet; its first kernels start already.
pub struct Process {
    worker: Worker,
    kernels: Arc<Pool>,
}

impl Process {
    /// A worker for many pipelines.
    ///
    /// # Errors
    /// When what it needs on this machine, or the cluster its pods are to run in, can't be used.
    pub async fn start(config: &ProcessConfig, adapters: Adapters, shutdown: &Shutdown) -> Result<Self> {
        let pods = match &config.kubernetes {
            Some(kubernetes) => Some(KubernetesRunner::new(kubernetes.clone()).await?),
            None => None,
        };
        // Pods have kernels of their own.
        let pool_size = if pods.is_some() { 0 } else { config.tuning.pool_size };
        let (worker, kernels) = assemble(config, adapters, (name(), pool_size), pods, shutdown)?;
        Ok(Self { worker, kernels })
    }

    /// Works off the queue until told to stop; tells `listener`, if there is one, how it is.
    ///
    /// # Errors
    /// When the queue can't be worked at all, or the listener fails for good.
    pub async fn serve(self, listener: Option<TcpListener>, shutdown: &Shutdown) -> Result<()> {
        let Self { worker, kernels } = self;
        let ready = worker.clone();
        let health = health::router(move || {
            let worker = ready.clone();
            async move { worker.dependencies().await }
        });
        let serving = listener.map(|listener| tokio::spawn(service::serve(listener, health, shutdown.clone())));
        let ended = worker.run(shutdown.token()).await;
        shutdown.begin();
        kernels.shutdown().await;
        if let Some(serving) = serving {
            serving.await??;
        }
        Ok(ended?)
    }
}

fn assemble(
    config: &ProcessConfig,
    adapters: Adapters,
    (name, pool_size): (String, usize),
    pods: Option<KubernetesRunner>,
    shutdown: &Shutdown,
) -> Result<(Worker, Arc<Pool>)> {
    let python = absolute(&config.python)?;
    ensure!(python.exists(), "{} is not there: `mlsys prepare` makes it under MLSYS_HOME", python.display());
    let spec = KernelSpec {
        python: python.clone(),
        memory_limit: config.tuning.memory_limit,
        preload: PRELOAD.map(str::to_owned).to_vec(),
    };
    let kernels = Pool::start(spec, pool_size, shutdown.token());
    if let Some(key) = &config.signing_key {
        tracing::info!(public_key = %key.public(), "what versions are made from is signed");
    } else {
        tracing::warn!("SIGNING_KEY is unset: nothing signed will say what versions are made from");
    }
    let connections = &config.connections;
    let environments = Environments::new(connections.home.join("environments"), config.uv.clone(), python);
    let notebooks = Notebooks { kernels: kernels.clone(), environments, pods };
    let worker_config = Config {
        name,
        tuning: config.tuning.clone(),
        work_directory: connections.home.join("work"),
        mlflow_url: connections.mlflow_url.clone(),
        internal_token: connections.internal_token.clone(),
        signing_key: config.signing_key.clone(),
    };
    Ok((Worker::new(worker_config, adapters, notebooks)?, kernels))
}

/// A name that no other worker has: the machine's, and something random.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("worker-{}-{}", host.trim(), &random[..8])
}
