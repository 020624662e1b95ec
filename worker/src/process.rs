//! The worker as a process of its own.

use std::{path::absolute, process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use bus::{BusError, LogHub, Queue};
use contract::PipelineId;
use forge::{GitHub, LocalGit};
use kernel::{KernelSpec, Pool};
use python::Environments;
use service::{Secret, Settings, Shutdown, health, telemetry, when_up};
use store::{Store, StoreError};
use tokio::net::TcpListener;

use crate::{
    Adapters, Config, Hosts, ProcessConfig, Worker, pods,
    runner::{self, KubernetesRunner},
};

/// What kernels of the pool import ahead.
pub const PRELOAD: [&str; 2] = ["pandas", "sklearn"];

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
    let _telemetry = telemetry::init("worker", "info");
    // Notebooks run as this user, and must not read this process's environment, which has secrets.
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "notebooks may be able to read this process's environment");
    }
    let config = ProcessConfig::from_settings(settings)?;
    tracing::info!(?config, "starting");
    let shutdown = Shutdown::on_signals()?;
    match cli.command {
        Some(Command::RunPipeline { id, lease }) => run_one(&config, id, lease, &shutdown).await,
        None => serve(config, &shutdown).await.map(|()| ExitCode::SUCCESS),
    }
}

/// One pipeline, in a pod. A database that is unavailable may be back for the next pod.
async fn run_one(config: &ProcessConfig, id: PipelineId, lease: i64, shutdown: &Shutdown) -> Result<ExitCode> {
    let name = pods::owner(id, lease);
    let (worker, _kernels) = start(config, (name, 0), None, shutdown).await?;
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

async fn serve(config: ProcessConfig, shutdown: &Shutdown) -> Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("can't listen on {}: choose another WORKER_PORT", config.listen))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let queue = open_queue(&config, shutdown).await?;
    let pods = match &config.kubernetes {
        Some(kubernetes) => Some(KubernetesRunner::new(kubernetes.clone()).await?),
        None => None,
    };
    // Pods have kernels of their own.
    let pool_size = if pods.is_some() { 0 } else { config.tuning.pool_size };
    let (worker, kernels) = start(&config, (name(), pool_size), pods, shutdown).await?;
    let ready = worker.clone();
    let asked = queue.clone();
    let health = health::router(move || {
        let (worker, queue) = (ready.clone(), asked.clone());
        async move { worker.dependencies(&queue).await }
    });
    let serving = tokio::spawn(service::serve(listener, health, shutdown.clone()));
    let ended = worker.run(&queue, shutdown.token()).await;
    shutdown.begin();
    kernels.shutdown().await;
    serving.await??;
    Ok(ended?)
}

async fn open_queue(config: &ProcessConfig, shutdown: &Shutdown) -> Result<Queue> {
    let url = config.connections.queue_url.expose();
    let away = |error: &BusError| matches!(error, BusError::Unavailable(_));
    Ok(when_up("the queue", shutdown, away, async || Queue::open(url).await).await?)
}

/// A worker over the servers that the settings name, and its kernels.
async fn start(
    config: &ProcessConfig,
    (name, pool_size): (String, usize),
    pods: Option<KubernetesRunner>,
    shutdown: &Shutdown,
) -> Result<(Worker, Arc<Pool>)> {
    let connections = &config.connections;
    let away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let store = when_up("the database", shutdown, away, async || Store::open(config.database_url().expose()).await).await?;
    let hub = match &connections.redis_url {
        Some(url) => LogHub::redis(url.expose())?,
        None => LogHub::in_memory(),
    };
    let python = absolute(&config.python)?;
    let spec = KernelSpec {
        python: python.clone(),
        memory_limit: config.tuning.memory_limit,
        preload: PRELOAD.map(str::to_owned).to_vec(),
    };
    let kernels = Pool::start(spec, pool_size, shutdown.token());
    let home = &connections.home;
    let github = GitHub::new(&connections.github_api_url, connections.github_token.as_ref().map(Secret::expose))?;
    let adapters = Adapters {
        store,
        hub,
        hosts: Hosts::new(LocalGit { root: home.join("git") }, github),
        mlflow: mlflow::Client::new(&connections.mlflow_url, None)?,
        artifacts: artifacts::Store::open(&config.artifacts.address, config.artifacts.access())?,
        kernels: kernels.clone(),
        environments: Environments::new(home.join("environments"), config.uv.clone(), python),
        pods,
    };
    let worker_config = Config {
        name,
        tuning: config.tuning.clone(),
        work_directory: home.join("work"),
        mlflow_url: connections.mlflow_url.clone(),
        internal_token: connections.internal_token.clone(),
    };
    Ok((Worker::new(worker_config, adapters)?, kernels))
}

/// A name that no other worker has: the machine's, and something random.
pub fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("worker-{}-{}", host.trim(), &random[..8])
}
