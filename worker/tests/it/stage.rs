//! What every test of the runner needs: a double, a program in its image, a runner, and the log of a run.

use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use contract::PipelineId;
use tempfile::TempDir;
use testkit::kubernetes::KubernetesApi;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::runner::{KubernetesConfig, KubernetesRunner, PipelineJob, PodEnd, Resources};

pub const IMAGE: &str = "registry.example/mlsys-worker:1";

/// Goes on when the test says so.
pub const UNTIL_OPEN: &str = "while [ ! -e \"$GATE\" ]; do sleep 0.02; done";

pub struct Stage {
    pub api: KubernetesApi,
    pub config: KubernetesConfig,
    folder: TempDir,
}

/// A run of a pipeline, under way.
pub struct Running {
    pub end: JoinHandle<PodEnd>,
    pub cancel: CancellationToken,
    log: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    /// A double whose image holds a shell script.
    pub fn with(script: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("worker");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let api = KubernetesApi::start("pipelines");
        api.image(IMAGE, program);
        api.config_map("mlsys", [("GATE".to_owned(), folder.path().join("gate").to_string_lossy().into_owned())]);
        let secrets = ["DATABASE_URL", "REDIS_URL", "INTERNAL_TOKEN", "GITHUB_WEBHOOK_SECRET", "LOCAL_WEBHOOK_SECRET"];
        api.secret("mlsys", secrets.map(|name| (name.to_owned(), format!("the value of {name}"))));
        let artifacts = folder.path().join("artifacts");
        api.claim("mlsys-artifacts", artifacts.clone());
        let config = KubernetesConfig {
            image: IMAGE.to_owned(),
            namespace: Some("pipelines".to_owned()),
            owner: "test".to_owned(),
            service_account: "mlsys-sa-dev".to_owned(),
            config_map: Some("mlsys".to_owned()),
            secret: Some("mlsys".to_owned()),
            artifacts: Some(("mlsys-artifacts".to_owned(), artifacts.to_string_lossy().into_owned())),
            resources: Resources::new("1", "2Gi").expect("amounts"),
            disk: "20Gi".to_owned(),
            runtime_class: None,
            pending: Duration::from_secs(1),
            beside_run: Duration::from_mins(10),
            cancel_grace: Duration::from_millis(500),
            termination: Duration::from_secs(1),
            api_url: Some(api.url()),
        };
        Self { api, config, folder }
    }

    /// Lets scripts that wait go on.
    pub fn open(&self) {
        std::fs::write(self.gate(), "").expect("written");
    }

    pub fn gate(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    pub async fn runner(&self) -> KubernetesRunner {
        KubernetesRunner::new(self.config.clone()).await.expect("a client")
    }

    /// Begins to run a pipeline.
    pub async fn start(&self, job: PipelineJob) -> Running {
        let runner = self.runner().await;
        let (log, cancel) = (Arc::<Mutex<Vec<String>>>::default(), CancellationToken::new());
        let end = tokio::spawn({
            let (log, cancel) = (log.clone(), cancel.clone());
            async move {
                let say = move |line| log.lock().expect("unpoisoned").push(line);
                runner.run(&job, &say, &cancel).await
            }
        });
        Running { end, cancel, log }
    }

    /// Runs a new pipeline to its end; answers that and the log.
    pub async fn run(&self) -> (PodEnd, Vec<String>) {
        self.start(pipeline()).await.ended().await
    }
}

impl Running {
    /// Waits for the end; answers it and the log.
    pub async fn ended(self) -> (PodEnd, Vec<String>) {
        let end = tokio::time::timeout(Duration::from_secs(30), self.end).await;
        let log = self.log.lock().expect("unpoisoned").clone();
        (end.unwrap_or_else(|_| panic!("no end; the log: {log:#?}")).expect("no panic"), log)
    }

    /// Waits until a line of the log holds a text.
    pub async fn said(&self, text: &str) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !self.log.lock().expect("unpoisoned").iter().any(|line| line.contains(text)) {
            assert!(tokio::time::Instant::now() < deadline, "{text} was not said: {:#?}", self.log.lock());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A pipeline under its first lease.
pub fn pipeline() -> PipelineJob {
    PipelineJob { pipeline: PipelineId::generate(), lease: 1, resources: None, run_timeout: Duration::from_mins(1) }
}

/// The reason of a failure that will not heal.
pub fn failure(end: PodEnd) -> String {
    match end {
        PodEnd::Failed { reason } => reason,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// The reason of a loss that may heal.
pub fn loss(end: PodEnd) -> String {
    match end {
        PodEnd::Lost { reason } => reason,
        other => panic!("it was not lost: {other:?}"),
    }
}
