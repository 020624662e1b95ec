//! The worker as a process of its own.

use std::{path::absolute, process::ExitCode, sync::Arc};

use anyhow::{Context, Result, ensure};
use assembly::{Adapters, Connections};
use contract::PipelineId;
use kernel::{Confined, KernelSpec, Pool};
use python::Environments;
use sandbox::OpenFolder;
use service::{Secret, Settings, Shutdown, health, telemetry};
use tokio::net::TcpListener;

use crate::{
    Config, ProcessConfig, Worker, data,
    folder::WorkFolder,
    mlflow_proxy::Proxy,
    pods,
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
    /// Carries one pipeline through the phases that a pod runs, as the Job of the Kubernetes runner does
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
    let mut settings = settings.clone();
    if cli.command.is_some() {
        // A pod calls none of the others, and is not told what opens them.
        settings.set("INTERNAL_TOKEN", Secret::generate().expose());
    }
    let config = ProcessConfig::from_settings(&settings)?;
    tracing::info!(?config, "starting");
    sandbox::begin(config.sandbox)?;
    let shutdown = Shutdown::on_signals()?;
    match cli.command {
        Some(Command::RunPipeline { id, lease }) => run_one(&config, id, lease, &shutdown).await,
        None => run_many(&config, &shutdown).await.map(|()| ExitCode::SUCCESS),
    }
}

/// One pipeline, in a pod. A database that is unavailable may be back for the next pod.
async fn run_one(config: &ProcessConfig, id: PipelineId, lease: i64, shutdown: &Shutdown) -> Result<ExitCode> {
    let adapters = Adapters::open(&config.connections, shutdown).await?;
    let role = Role { name: pods::owner(id, lease), pool_size: 0, pods: None, in_pod: true };
    let (worker, _kernels) = assemble(config, adapters, role, shutdown)?;
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
    kernels: Kernels,
}

/// The kernels, and the folder of their rooms, which lasts as long.
struct Kernels {
    pool: Arc<Pool>,
    _rooms: WorkFolder,
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
        let role = Role { name: name(), pool_size, pods, in_pod: false };
        let (worker, kernels) = assemble(config, adapters, role, shutdown)?;
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
        let serving = listener
            .map(|listener| tokio::spawn(service::serve(listener, health, service::Network::default(), shutdown.clone())));
        let ended = worker.run(shutdown.token()).await;
        shutdown.begin();
        kernels.pool.shutdown().await;
        if let Some(serving) = serving {
            serving.await??;
        }
        Ok(ended?)
    }
}

/// What tells a pod's process from a worker's.
struct Role {
    name: String,
    pool_size: usize,
    pods: Option<KubernetesRunner>,
    in_pod: bool,
}

/// Makes sure that no notebook can read what others left here.
fn keep_closed(connections: &Connections) -> Result<(), OpenFolder> {
    sandbox::keep_closed("MLSYS_HOME", &connections.home)?;
    sandbox::keep_closed("MLSYS_ARTIFACTS", connections.artifacts.folder())?;
    sandbox::keep_closed("MLSYS_WAREHOUSE", connections.warehouse.folder())
}

fn assemble(config: &ProcessConfig, adapters: Adapters, role: Role, shutdown: &Shutdown) -> Result<(Worker, Kernels)> {
    let Role { name, pool_size, pods, in_pod } = role;
    let python = absolute(&config.python)?;
    let connections = &config.connections;
    ensure!(python.exists(), "{} is not there: `mlsys prepare` makes it under MLSYS_HOME", python.display());
    keep_closed(connections)?;
    let rooms = WorkFolder::open(&connections.home.join("work"))?;
    let mlflow_proxy = Proxy::start(adapters.mlflow.clone())?;
    // `!pip install` calls it.
    let library = rooms.path().join("library");
    data::lay_out_package(&library).context("the notebooks' package can't be laid out")?;
    let read = config.sandbox_read.iter().chain([&config.uv, &library]).cloned().collect();
    let egress = config.sandbox_egress.clone().and_urls(mlflow_proxy.url());
    let confined = Confined { rooms: rooms.path().to_owned(), read, write: Vec::new(), egress };
    let spec = KernelSpec {
        python: python.clone(),
        memory_limit: config.tuning.memory_limit,
        preload: PRELOAD.map(str::to_owned).to_vec(),
        confined: Some(confined),
    };
    let kernels = Pool::start(spec, pool_size, shutdown.token());
    if let Some(key) = &config.signing_key {
        tracing::info!(public_key = %key.public(), "what versions are made from is signed");
    } else if !in_pod {
        tracing::warn!("SIGNING_KEY is unset: nothing signed will say what versions are made from");
    }
    let environments = Environments::new(connections.home.join("environments"), config.uv.clone(), python);
    let environments = environments.with_sources(config.source_builds).with_memory_limit(config.tuning.build_memory_limit);
    let (kernels_of, data) = (kernels.clone(), config.data.clone());
    let notebooks = Notebooks { kernels: kernels_of, environments, library, data, mlflow_proxy, pods };
    let worker_config = Config {
        name,
        tuning: config.tuning.clone(),
        work_directory: connections.home.join("work"),
        internal_token: connections.internal_token.clone(),
        in_pod,
        signing_key: config.signing_key.clone(),
    };
    Ok((Worker::new(worker_config, adapters, notebooks)?, Kernels { pool: kernels, _rooms: rooms }))
}

/// A name that no other worker has: the machine's, and something random.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("worker-{}-{}", host.trim(), &random[..8])
}

#[cfg(test)]
mod tests {
    use service::Check;

    use super::*;

    #[test]
    fn what_runs_must_not_read_lies_in_no_folder_that_they_may() {
        for (home, artifacts, refused) in [
            ("/usr/share/mlsys", "/srv/models", Some("MLSYS_HOME")),
            ("/srv/mlsys", "/usr/share/models", Some("MLSYS_ARTIFACTS")),
            ("/srv/mlsys", "file:///usr/share/models", Some("MLSYS_ARTIFACTS")),
            ("/srv/mlsys", "/srv/models", None),
            ("/srv/mlsys", "s3://usr/models", None),
        ] {
            let settings = [("MLSYS_HOME", home), ("MLSYS_ARTIFACTS", artifacts)];
            let settings: Settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
            let connections = Connections::read(&settings, &mut Check::default());
            let said = keep_closed(&connections).map_err(|error| error.to_string()).err();
            assert_eq!(said.is_some(), refused.is_some(), "{said:?}");
            let starts =
                |refused: &str| said.as_ref().is_some_and(|said| said.starts_with(refused) && said.contains("/usr"));
            assert!(refused.is_none_or(starts), "{said:?}");
        }
    }
}
