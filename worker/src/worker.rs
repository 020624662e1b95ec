//! What a worker process has, and its loop.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use assembly::Adapters;
use bus::JobKind;
use contract::{Job, Phase, PipelineId, Scope};
use forge::Hosts;
use provenance::SigningKey;
use python::Environments;
use service::health::check;
use store::StoreError;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    Tuning, data::DataPlaces, drive, folder::WorkFolder, mlflow_proxy::Proxy, pods, runner::KubernetesRunner, tasks,
};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names this worker in leases and in the queue; unique among those alive.
    pub name: String,
    /// How pipelines are run.
    pub tuning: Tuning,
    /// Where pipelines have their working folders.
    pub work_directory: PathBuf,
    /// What the model-servers' internal routes ask for.
    pub internal_token: service::Secret,
    /// Whether this is the process in a pipeline's pod, which what others wrote shares with it.
    pub in_pod: bool,
    /// What says with which right where a version comes from; none: nothing is said.
    pub signing_key: Option<Arc<SigningKey>>,
}

/// A worker: everything a pipeline's phases need. Cheap to clone.
#[derive(Clone)]
pub struct Worker(Arc<Parts>);

/// What the phases see of the worker.
pub struct Parts {
    pub(crate) config: Config,
    pub(crate) store: store::Store,
    queue: bus::Queue,
    pub(crate) hub: bus::LogHub,
    pub(crate) hosts: Hosts,
    pub(crate) mlflow: mlflow::Client,
    pub(crate) mlflow_proxy: Proxy,
    pub(crate) artifacts: artifacts::Store,
    pub(crate) warehouse: warehouse::Warehouse,
    pub(crate) models: tasks::batch::Models,
    pub(crate) kernels: Arc<kernel::Pool>,
    pub(crate) environments: Environments,
    pub(crate) library: PathBuf,
    pub(crate) data: DataPlaces,
    pub(crate) rollout: rollout::Rollout,
    pub(crate) fleet: fleet::Fleet,
    pub(crate) pods: Option<KubernetesRunner>,
    folder: WorkFolder,
}

impl std::ops::Deref for Worker {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What a worker runs notebooks with.
pub struct Notebooks {
    /// Kernels of the platform's own environment, started ahead.
    pub kernels: Arc<kernel::Pool>,
    /// Environments of notebooks that name their dependencies.
    pub environments: Environments,
    /// The folder of the package that they reach tables and files by.
    pub library: PathBuf,
    /// Where tables and files lie.
    pub data: DataPlaces,
    /// MLflow, as they reach it.
    pub mlflow_proxy: Proxy,
    /// Runs pipelines in pods; none: this process runs them.
    pub pods: Option<KubernetesRunner>,
}

impl Worker {
    /// A worker over its adapters.
    ///
    /// # Errors
    /// When no HTTP client can be built, or the working folder can't be used.
    pub fn new(config: Config, adapters: Adapters, notebooks: Notebooks) -> anyhow::Result<Self> {
        let Adapters { store, queue, hub, hosts, mlflow, artifacts, warehouse } = adapters;
        let Notebooks { kernels, environments, library, data, mlflow_proxy, pods } = notebooks;
        let fleet = fleet::Fleet::new(config.internal_token.expose())?;
        let rollout = rollout::Rollout::new(store.serving.clone(), artifacts.clone(), fleet.clone(), mlflow.clone());
        let folder = WorkFolder::open(&config.work_directory)?;
        let parts = Parts {
            config,
            store,
            queue,
            hub,
            hosts,
            mlflow,
            mlflow_proxy,
            artifacts,
            warehouse,
            models: tasks::batch::Models::default(),
            kernels,
            environments,
            library,
            data,
            rollout,
            fleet,
            pods,
            folder,
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Works off the queue until cancelled. Phases in hand then have some grace, and their pipelines are given back: the
    /// next worker goes on from their last checkpoint.
    ///
    /// # Errors
    /// When the queue can't be worked at all.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), bus::BusError> {
        let worker = self.clone();
        let token = shutdown.clone();
        let handler = move |job: Job| -> futures_util::future::BoxFuture<'static, ()> {
            let (worker, token) = (worker.clone(), token.clone());
            Box::pin(async move {
                match job {
                    Job::Pipeline(_) => work_off(&worker, &token).await,
                    Job::Task(id) | Job::Batch(id) => tasks::work(&worker, id, &token).await,
                }
            })
        };
        let _planning = AbortOnDropHandle::new(tokio::spawn(tasks::plan(self.clone())));
        let _sweeping = AbortOnDropHandle::new(tokio::spawn(tasks::retention::environments::keep_swept(self.clone())));
        let work =
            |kind, concurrency| self.queue.work(kind, &self.config.name, concurrency, shutdown.clone(), handler.clone());
        let working = async {
            let pipelines = work(JobKind::Pipelines, self.config.tuning.concurrency);
            let (tasks, batches) = (work(JobKind::Tasks, tasks::CONCURRENCY), work(JobKind::Batches, tasks::BATCHES));
            tokio::try_join!(pipelines, tasks, batches).map(drop)
        };
        match &self.pods {
            Some(pods) => {
                let _sweeping = AbortOnDropHandle::new(tokio::spawn(pods::sweep(self.clone(), pods.clone())));
                working.await
            }
            None => working.await,
        }
    }

    /// Carries one pipeline, whose lease was handed to this process under a number, as far as this process runs it. `false` when the lease is somebody
    /// else's by now.
    ///
    /// # Errors
    /// When the store can't be asked.
    pub async fn run_one(&self, id: PipelineId, token: i64, shutdown: &CancellationToken) -> Result<bool, StoreError> {
        let Some(lease) = self.store.pipelines.adopt_lease(id, token, &self.config.name, self.config.tuning.lease).await?
        else {
            return Ok(false);
        };
        drive::pipeline(self, lease, shutdown, None).await;
        Ok(true)
    }

    /// Whether this process runs a phase. A pod runs what others wrote, and is given neither the models of others nor a way to
    /// the model-servers: what changes those is left to the worker that made the pod.
    pub(crate) fn runs(&self, phase: Phase) -> bool {
        match &self.pods {
            Some(_) => phase > Phase::Execute,
            None => !self.config.in_pod || phase <= Phase::Execute,
        }
    }

    /// What it needs, and whether that answers.
    pub async fn dependencies(&self) -> [service::health::Dependency; 3] {
        let (store, queue, mlflow) = tokio::join!(
            check("store", self.store.intake.repos(&Scope::Everything)),
            check("queue", self.queue.check()),
            check("mlflow", self.mlflow.health())
        );
        [store, queue, mlflow]
    }

    /// This process's folder of working folders.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Works on pipelines until there is none to take: a job only says that there is work, and the store says which
/// pipeline is next. Every outcome is recorded in the store; nothing is returned, because the queue has nothing left to
/// decide.
async fn work_off(worker: &Worker, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        match worker.store.pipelines.take_next(&worker.config.name, worker.config.tuning.lease).await {
            Ok(Some(lease)) => match &worker.pods {
                Some(pods) => pods::pipeline(worker, pods, lease, shutdown).await,
                None => drive::pipeline(worker, lease, shutdown, None).await,
            },
            Ok(None) => return,
            Err(error) => {
                // The dispatcher sends another job when the store is back.
                tracing::warn!(%error, "no pipeline could be taken");
                return;
            }
        }
    }
}
