//! The runner: a Job for a pipeline, from its making to its end.

use std::{fmt, sync::Arc, time::Duration};

use contract::PipelineId;
use kube::{Client, Config, config::InferConfigError};
use tokio_util::sync::CancellationToken;

use super::{KubernetesConfig, Resources, api::Cluster, follow::Follow, news, spec};

/// The exit code of a worker in a pod that could not begin for a reason that may heal: a database that is unavailable.
/// Source: `EX_TEMPFAIL` of sysexits(3).
pub const TRY_AGAIN: i32 = 75;

/// Takes lines for the pipeline's log.
pub type Log<'a> = &'a (dyn Fn(String) + Send + Sync);

/// A pipeline that is to run in a pod.
#[derive(Debug, Clone)]
pub struct PipelineJob {
    /// The pipeline.
    pub pipeline: PipelineId,
    /// The number of the lease that the pod adopts.
    pub lease: i64,
    /// What its repository says a pod needs; none: the configuration's.
    pub resources: Option<Resources>,
    /// The longest that the notebook may run. The Job's own deadline lies well beyond.
    pub run_timeout: Duration,
}

/// What became of a pipeline's pod, as a decision for the one who made it. The pipeline's row is the truth: a row that
/// has ended has ended, whatever this says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodEnd {
    /// The pod ended well: the pipeline's row says how the pipeline ended. A row that has not ended is left to the workers.
    Finished,
    /// It will not heal: the pipeline failed, for this reason.
    Failed {
        /// In words for whoever pushed the notebook.
        reason: String,
    },
    /// The pod was taken away: another may do better, after a while.
    Lost {
        /// What took it away.
        reason: String,
    },
    /// It was cancelled, and its pod is gone or going.
    Cancelled,
}

/// Why there is no runner.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `KUBERNETES_API_URL` is no address.
    #[error("KUBERNETES_API_URL: {0}")]
    Address(String),
    /// Neither a cluster around this process nor a kubeconfig says where the API server is.
    #[error("no Kubernetes API server: {0}")]
    NoCluster(#[from] InferConfigError),
    /// Its certificates or keys can't be used.
    #[error("the Kubernetes API's client: {0}")]
    Client(#[from] kube::Error),
}

/// Runs pipelines as Kubernetes Jobs. Cheap to clone.
#[derive(Clone)]
pub struct KubernetesRunner {
    pub(super) config: Arc<KubernetesConfig>,
    pub(super) cluster: Cluster,
}

impl fmt::Debug for KubernetesRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesRunner").field("config", &self.config).finish_non_exhaustive()
    }
}

impl KubernetesRunner {
    /// A runner by its configuration. Asks the API server nothing yet.
    pub async fn new(config: KubernetesConfig) -> Result<Self, ConnectError> {
        let mut client = match &config.api_url {
            Some(url) => Config::new(url.parse().map_err(|error| ConnectError::Address(format!("{url}: {error}")))?),
            None => Config::infer().await?,
        };
        // Between two bytes of an answer; a watch is silent at most as long as it lasts.
        client.read_timeout = Some(news::WATCH + Duration::from_secs(15));
        client.reset_reader_on_write = true;
        // Tries are counted, and told of, here.
        client.default_retry = false;
        let namespace = config.namespace.clone().unwrap_or_else(|| client.default_namespace.clone());
        let cluster = Cluster::new(&Client::try_from(client)?, &namespace);
        Ok(Self { config: Arc::new(config), cluster })
    }

    /// Runs a pipeline in a pod and waits for the pod's end. Says in the log, once each, what the pod waits for and what
    /// kept it from working. Outlives every outage of the API server; dropped, it leaves the Job to the pod and to
    /// [`KubernetesRunner::sweep`]. Called again for the same lease, it takes the running Job up.
    ///
    /// After a cancel, a running pod has [`KubernetesConfig::cancel_grace`] to end by itself before its Job is deleted.
    pub async fn run(&self, job: &PipelineJob, log: Log<'_>, cancel: &CancellationToken) -> PodEnd {
        let name = spec::name(job.pipeline, job.lease);
        let wanted = spec::job(&self.config, job);
        let made = tokio::select! {
            made = self.cluster.make(&wanted, log) => made,
            () = cancel.cancelled() => {
                // It may have been made by a call whose answer is still out.
                self.delete(&name).await;
                return PodEnd::Cancelled;
            }
        };
        match made {
            Ok(made) => Box::pin(Follow::new(self, job, made, log).watch_over(cancel)).await,
            Err(refused) => PodEnd::Failed {
                reason: format!("the cluster refuses the pod's Job: {} ({})", refused.message, refused.reason),
            },
        }
    }

    /// What a repository asks for its pods, beside what is configured; none where it asks for nothing that can be used.
    pub fn resources(&self, cpu: Option<&str>, memory: Option<&str>) -> Option<Resources> {
        let configured = &self.config.resources;
        if cpu.is_none() && memory.is_none() {
            return None;
        }
        let asked = Resources::new(cpu.unwrap_or(configured.cpu()), memory.unwrap_or(configured.memory()));
        asked.inspect_err(|error| tracing::warn!(%error, "a repository's resources can't be used")).ok()
    }

    /// Deletes a Job; if that can't be done within a while, the sweep does it.
    pub(super) async fn delete(&self, name: &str) {
        let mut backoff = super::api::Backoff::default();
        for _ in 0..6 {
            match self.cluster.delete(name).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(job = name, %error, "the Job could not be deleted yet"),
            }
            backoff.wait().await;
        }
        tracing::error!(job = name, "the Job could not be deleted; it is left to the sweep");
    }
}
