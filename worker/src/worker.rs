//! What a worker process has, and its loop.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use contract::{Job, ModelName, RepoName};
use forge::{GitHub, Host, LocalGit};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{drive, environments::Environments};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names this worker in leases and in the queue; unique among those alive.
    pub name: String,
    /// Where pipelines have their working folders.
    pub work_directory: PathBuf,
    /// How many pipelines run at the same time.
    pub concurrency: usize,
    /// How long a silent worker keeps its pipeline.
    pub lease: Duration,
    /// A notebook's whole run, unless its `TIMEOUT_SECONDS` says otherwise.
    pub run_timeout: Duration,
    /// One cell; none: only the run's time-out counts.
    pub cell_timeout: Option<Duration>,
    /// A kernel and its children together, in bytes.
    pub memory_limit: Option<u64>,
    /// The gate of a notebook without `GATES`.
    pub min_accuracy: f64,
    /// Whether a model that passes its gates is deployed to `dev`.
    pub auto_deploy: bool,
    /// MLflow, as a notebook reaches it.
    pub mlflow_url: String,
    /// The model-server's base address.
    pub model_server_url: String,
    /// What the model-server's internal routes ask for.
    pub internal_token: service::Secret,
}

/// Where trees come from: the local remote for `local/…`, GitHub for all others.
#[derive(Debug, Clone)]
pub struct Hosts {
    local: Host,
    github: Host,
}

impl Hosts {
    /// Both code hosts.
    pub fn new(local: LocalGit, github: GitHub) -> Self {
        Self { local: Host::Local(local), github: Host::GitHub(github) }
    }

    /// The host of a repository.
    pub fn of(&self, repo: &RepoName) -> &Host {
        if repo.is_local() { &self.local } else { &self.github }
    }
}

/// A worker: everything a pipeline's phases need. Cheap to clone.
#[derive(Clone)]
pub struct Worker(Arc<Parts>);

/// What the phases see of the worker.
pub struct Parts {
    pub(crate) config: Config,
    pub(crate) store: store::Store,
    pub(crate) hub: bus::LogHub,
    pub(crate) hosts: Hosts,
    pub(crate) mlflow: mlflow::Client,
    pub(crate) artifacts: artifacts::Store,
    pub(crate) kernels: Arc<kernel::Pool>,
    pub(crate) environments: Environments,
    pub(crate) http: reqwest::Client,
    /// One deploy of a model at a time.
    pub(crate) deploys: Mutex<HashMap<ModelName, Arc<Mutex<()>>>>,
}

impl std::ops::Deref for Worker {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The outside things a worker works with.
pub struct Adapters {
    /// Durable truth.
    pub store: store::Store,
    /// Wakes those who follow a log.
    pub hub: bus::LogHub,
    /// Where trees come from.
    pub hosts: Hosts,
    /// The tracking server.
    pub mlflow: mlflow::Client,
    /// The environments' buckets.
    pub artifacts: artifacts::Store,
    /// Kernels of the platform's own environment, started ahead.
    pub kernels: Arc<kernel::Pool>,
    /// Environments of notebooks that name their dependencies.
    pub environments: Environments,
}

impl Worker {
    /// A worker over its adapters.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(config: Config, adapters: Adapters) -> Result<Self, reqwest::Error> {
        let Adapters { store, hub, hosts, mlflow, artifacts, kernels, environments } = adapters;
        let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
        let deploys = Mutex::default();
        Ok(Self(Arc::new(Parts { config, store, hub, hosts, mlflow, artifacts, kernels, environments, http, deploys })))
    }

    /// Works off the queue until cancelled. Pipelines in hand are then given back: the next worker goes on from their
    /// last checkpoint.
    ///
    /// # Errors
    /// When the queue can't be worked at all.
    pub async fn run(&self, queue: &bus::Queue, shutdown: CancellationToken) -> Result<(), bus::BusError> {
        self.sweep_folders().await;
        let worker = self.clone();
        let token = shutdown.clone();
        let handler = move |job: Job| -> futures_util::future::BoxFuture<'static, ()> {
            let (worker, token) = (worker.clone(), token.clone());
            Box::pin(async move { drive::pipeline(&worker, job.pipeline_id, &token).await })
        };
        queue.work(&self.config.name, self.config.concurrency, shutdown, handler).await
    }

    /// Removes the folders of pipelines that ended while their worker died.
    async fn sweep_folders(&self) {
        let Ok(mut folders) = tokio::fs::read_dir(&self.config.work_directory).await else { return };
        while let Ok(Some(folder)) = folders.next_entry().await {
            let Some(id) = folder.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let ended = match self.store.pipeline(id).await {
                Ok(pipeline) => pipeline.status.is_final(),
                Err(error) => matches!(error, store::StoreError::NotFound),
            };
            if ended && let Err(error) = tokio::fs::remove_dir_all(folder.path()).await {
                tracing::warn!(%error, pipeline.id = %id, "an old working folder could not be removed");
            }
        }
    }
}
