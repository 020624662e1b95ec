//! One suite for both runners: notebooks on the workers, and notebooks in pods.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use contract::{LogLine, PhaseStatus, PipelineId, PipelineRecord, PipelineStatus};
use nix::{sys::signal::kill, unistd::Pid};
use serde_json::{Value, json};
use testkit::{Notebook, Size, kubernetes::KubernetesApi};

use crate::{Stage, WHO, said_worker, stage};

const IMAGE: &str = "registry.example/mlsys-worker:1";

/// What the notebooks' repositories have as TOKEN.
const SECRET: &str = "hunter2 of the cluster";

/// What of a worker's environment its pods have in their own way.
const OWN: [&str; 5] = ["MLSYS_HOME", "HOME", "RUNNER_BACKEND", "WORKER_PORT", "PATH"];
/// What pods are not told: they call no other process of ours.
const KEPT_BACK: [&str; 3] = ["INTERNAL_TOKEN", "GITHUB_WEBHOOK_SECRET", "LOCAL_WEBHOOK_SECRET"];

/// A cluster, and the Kubernetes that its pipelines run on, if they run in pods.
struct Ground {
    /// Models' names begin with it: clusters share an MLflow.
    prefix: &'static str,
    stage: Stage,
    pods: Option<KubernetesApi>,
}

#[tokio::test(flavor = "multi_thread")]
async fn notebooks_on_the_workers_run_as_promised() {
    conforms(Ground { prefix: "on-worker", stage: stage(&Size::default()).await, pods: None }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notebooks_in_pods_run_as_promised() {
    let (ground, artifacts) = Ground::with_pods().await;
    a_pod_needs_no_worker(&ground, &artifacts).await;
    conforms(ground).await;
}

async fn conforms(ground: Ground) {
    a_good_notebook_succeeds_and_is_deployed(&ground).await;
    a_failing_cell_is_named_and_its_secret_is_not(&ground).await;
    a_full_memory_is_named(&ground).await;
    a_run_over_its_time_is_named(&ground).await;
    a_cancel_ends_the_kernel_within_two_seconds(&ground).await;
    a_killed_worker_costs_time_and_nothing_else(&ground).await;
    if let Some(pods) = &ground.pods {
        // Pods of pipelines that ended have ended, too.
        let deadline = Instant::now() + Duration::from_secs(30);
        while pods.pods().iter().any(|pod| matches!(pod["status"]["phase"].as_str(), Some("Pending" | "Running"))) {
            assert!(Instant::now() < deadline, "{:#?}", pods.pods());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Ground {
    /// Answers the folder of the models, too.
    async fn with_pods() -> (Self, PathBuf) {
        let pods = KubernetesApi::start("pipelines");
        pods.image(IMAGE, testkit::binary("worker"));
        let settings = vec![
            ("RUNNER_BACKEND", "kubernetes"),
            ("KUBERNETES_API_URL", pods.url().leak()),
            ("KUBERNETES_NAMESPACE", "pipelines"),
            ("KUBERNETES_IMAGE", IMAGE),
            ("KUBERNETES_CONFIG_MAP", "mlsys-settings"),
            ("KUBERNETES_ARTIFACTS_CLAIM", "mlsys-artifacts"),
            ("KUBERNETES_MEMORY", "2Gi"),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let stage = stage(&Size { settings, ..Size::default() }).await;
        let worker = stage.workers[0].pid().expect("it runs");
        let environment = std::fs::read(format!("/proc/{worker}/environ")).expect("an environment");
        let pairs = environment.split(|byte| *byte == 0).filter_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            (!OWN.contains(&name) && !KEPT_BACK.contains(&name) && !name.starts_with("KUBERNETES_"))
                .then(|| (name.to_owned(), value.to_owned()))
        });
        let pairs: Vec<_> = pairs.collect();
        let artifacts = pairs.iter().find(|(name, _)| name == "MLSYS_ARTIFACTS").expect("a folder").1.clone();
        pods.claim("mlsys-artifacts", artifacts.clone());
        pods.config_map("mlsys-settings", pairs);
        (Self { prefix: "in-pod", stage, pods: Some(pods) }, artifacts.into())
    }

    fn model(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Pushes a notebook, changed, to a repository of its own; answers its pipeline.
    async fn push(&self, name: &str, change: impl FnOnce(Notebook) -> Notebook) -> PipelineId {
        let model = self.model(name);
        let notebook = change(Notebook::tiny(&model, "1"));
        let full_name = format!("team/{model}");
        let repository = self.stage.repository(&full_name).await;
        let registered = self.stage.api().get(&format!("/api/repos?repo={full_name}")).await;
        let secret = format!("/api/repos/{}/secrets/TOKEN", registered["items"][0]["id"]);
        assert_eq!(self.stage.api().put(&secret, &json!({ "value": SECRET })).await, 204);
        let push = repository.push("main", &[("n.ipynb", &notebook.json())]);
        let answer = self.stage.announce(&push, &self.stage.api()).await.expect("an answer");
        assert_eq!((answer.status, answer.pipelines.len()), (202, 1));
        answer.pipelines[0]
    }

    async fn line(&self, id: PipelineId, asked: impl Fn(&LogLine) -> bool) -> LogLine {
        self.stage.api().line(id, 0, Duration::from_mins(2), asked).await
    }

    /// The pod that runs a pipeline now.
    async fn pod_of(&self, id: PipelineId) -> Option<Value> {
        let pods = self.pods.as_ref()?;
        let is_its = |pod: &Value| pod["metadata"]["labels"]["mlsys/pipeline-id"] == id.to_string();
        Some(pods.pod(|pod| is_its(pod) && pod["status"]["phase"] == "Running").await)
    }
}

fn failed_saying(pipeline: &PipelineRecord, parts: &[&str]) {
    assert_eq!(pipeline.status, PipelineStatus::Failed, "{pipeline:#?}");
    let errors: Vec<_> = pipeline.phases.iter().filter_map(|phase| phase.error.as_deref()).collect();
    assert!(parts.iter().all(|part| errors.concat().contains(part)), "{parts:?} in {errors:?}");
}

async fn a_good_notebook_succeeds_and_is_deployed(ground: &Ground) {
    let id = ground.push("good", |notebook| notebook).await;
    let pipeline = ground.stage.api().succeeded(id).await;
    assert!(pipeline.deployed && pipeline.metrics.contains_key("accuracy"), "{pipeline:#?}");
    assert!(pipeline.phases.iter().all(|phase| phase.status == PhaseStatus::Succeeded), "{pipeline:#?}");
    let url = format!("{}/predict/{}", ground.stage.model_servers[0].url(), ground.model("good"));
    let (status, answer) = ground.stage.api().post(&url, &json!({ "inputs": [[0.0, 1.0]] })).await;
    assert!(status == 200 && answer["predictions"].as_array().map(Vec::len) == Some(1), "{status} {answer}");
}

async fn a_failing_cell_is_named_and_its_secret_is_not(ground: &Ground) {
    let asks = format!("MODEL_NAME = '{}'\nVERSION = '1'\nSECRETS = ['TOKEN']", ground.model("fails"));
    let fails = "import os; raise ValueError(os.environ['TOKEN'] + ' is it')";
    let id = ground.push("fails", |notebook| notebook.with("mlops:config", &asks).before("mlops:export", fails)).await;
    failed_saying(&ground.stage.api().ended(id).await, &["cell 5", "ValueError: *** is it"]);
    let pods = ground.pods.as_ref().map(KubernetesApi::pods).unwrap_or_default();
    assert!(pods.iter().all(|pod| !pod.to_string().contains(SECRET)));
}

async fn a_full_memory_is_named(ground: &Ground) {
    let hoard = "hoard = []\nwhile True:\n    hoard.append(bytearray(50_000_000))";
    let id = ground.push("hoards", |notebook| notebook.before("mlops:export", hoard)).await;
    failed_saying(&ground.stage.api().ended(id).await, &["cell 5", "memory", "MiB"]);
}

async fn a_run_over_its_time_is_named(ground: &Ground) {
    let config = "MODEL_NAME = 'too-slow'\nVERSION = '1'\nTIMEOUT_SECONDS = 3";
    let slow =
        |notebook: Notebook| notebook.with("mlops:config", config).before("mlops:data", "import time; time.sleep(600)");
    let id = ground.push("too-slow", slow).await;
    failed_saying(&ground.stage.api().ended(id).await, &["cell 1", "3 s", "TIMEOUT_SECONDS"]);
}

async fn a_cancel_ends_the_kernel_within_two_seconds(ground: &Ground) {
    let endless = "import os, time\nprint('kernel', os.getpid(), flush=True)\ntime.sleep(600)";
    let id = ground.push("endless", |notebook| notebook.before("mlops:data", endless)).await;
    let line = ground.line(id, |line| line.text.starts_with("kernel ")).await;
    let kernel = Pid::from_raw(line.text[7..].trim().parse().expect("a process id"));
    let (api, began) = (ground.stage.api(), Instant::now());
    let (status, answer) = api.post(&api.api(&format!("/api/pipelines/{id}/cancel")), &Value::Null).await;
    assert!((200..300).contains(&status), "{status} {answer}");
    // Signal 0 asks only whether there is such a process.
    while kill(kernel, None).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(2), "the kernel still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(api.ended(id).await.status, PipelineStatus::Cancelled);
}

/// The process that runs the notebook: a worker, or the worker in its pod.
async fn a_killed_worker_costs_time_and_nothing_else(ground: &Ground) {
    let who = format!("{WHO}time.sleep(5)");
    let id = ground.push("survives", |notebook| notebook.before("mlops:export", &who)).await;
    let first = ground.line(id, |line| said_worker(line).is_some()).await;
    if let (Some(pods), Some(pod)) = (&ground.pods, ground.pod_of(id).await) {
        pods.kill(&pod);
    } else {
        let worker = said_worker(&first).and_then(|pid| ground.stage.worker_of(pid)).expect("a worker");
        ground.stage.workers[worker].kill();
    }
    let pipeline = ground.stage.api().succeeded(id).await;
    assert!(pipeline.deployed, "{pipeline:#?}");
    let log = ground.stage.api().stored_log(id).await;
    let workers: Vec<u32> = log.iter().filter_map(said_worker).collect();
    assert_eq!(workers.len(), 2, "{log:#?}");
    assert_ne!(workers[0], workers[1]);
    assert!(log.iter().zip(1..).all(|(line, seq)| line.seq == seq), "the log has no gap");
    let versions = ground.stage.api().get(&format!("/api/models/{}/versions", ground.model("survives"))).await;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1), "{versions}");
}

/// A pod that has its lease runs its notebook, whatever becomes of those who made it, and ends a pipeline that fails. What changes
/// the models that serve is left to a worker; where what the pod left is gone by then, another pod makes it again.
async fn a_pod_needs_no_worker(ground: &Ground, artifacts: &Path) {
    let who = format!("{WHO}time.sleep(3)");
    let alone = ground.push("alone", |notebook| notebook.before("mlops:export", &who)).await;
    let lost = ground.push("lost", |notebook| notebook.before("mlops:export", &who)).await;
    let fails = ground.push("alone-fails", |notebook| notebook.before("mlops:export", &format!("{who}\n1 / 0"))).await;
    for id in [alone, lost, fails] {
        ground.line(id, |line| said_worker(line).is_some()).await;
    }
    ground.stage.workers.iter().for_each(|worker| worker.kill());
    let (api, pods) = (ground.stage.api(), ground.pods.as_ref().expect("pods"));
    failed_saying(&api.ended(fails).await, &["ZeroDivisionError"]);
    let is_its = |pod: &Value, id: PipelineId| pod["metadata"]["labels"]["mlsys/pipeline-id"] == id.to_string();
    for id in [alone, lost] {
        pods.pod(|pod| is_its(pod, id) && pod["status"]["phase"] == "Succeeded").await;
        let left = api.pipeline(id).await;
        let done = left.phases.iter().filter(|phase| phase.status == PhaseStatus::Succeeded).count();
        assert!(left.status == PipelineStatus::Running && done == 3, "{left:#?}");
        let model = left.model_name.expect("a name");
        assert!(!artifacts.join("mlsys-models-dev").join(model.as_str()).exists(), "a pod registers nothing");
    }
    let packages = |id: PipelineId| artifacts.join("packages").join(id.to_string());
    std::fs::remove_dir_all(packages(lost)).expect("removed");
    ground.stage.workers.iter().for_each(|worker| worker.start());
    for (id, runs) in [(alone, 1), (lost, 2)] {
        let pipeline = api.succeeded(id).await;
        assert!(pipeline.deployed, "{pipeline:#?}");
        let log = api.stored_log(id).await;
        assert_eq!(log.iter().filter_map(said_worker).count(), runs, "{log:#?}");
        assert!(log.iter().zip(1..).all(|(line, seq)| line.seq == seq), "the log has no gap");
        assert_eq!(pods.pods().iter().filter(|pod| is_its(pod, id)).count(), runs, "{:#?}", pods.pods());
        // It goes right after the pipeline has ended.
        let gone = async {
            while packages(id).exists() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.expect("what was registered is kept once");
    }
}
