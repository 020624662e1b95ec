//! Killed with SIGKILL in each phase and started again: the pipeline succeeds, with one version.

use std::time::{Duration, Instant};

use contract::{Phase, PhaseStatus};
use testkit::{Mlsys, Notebook, Options, Project};

use crate::BINARY;

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_survives_a_kill_in_every_phase() {
    let mut mlsys = Mlsys::start(BINARY, Options::default());
    for phase in Phase::ALL {
        let name = format!("killed-in-{phase}");
        // It leaves a folder in its tree: a second attempt must find the tree as it was pushed.
        let slow = Notebook::valid(&name).before("mlops:export", "import os, time; os.mkdir('plots'); time.sleep(1)");
        let project = Project::new(&mlsys, &name);
        project.write("data.bin", vec![7; 30_000_000]);
        let id = project.push_notebook("n.ipynb", slow.json());
        let reached = |status: PhaseStatus| status == PhaseStatus::Running || status == PhaseStatus::Succeeded;
        mlsys
            .until(id, Duration::from_mins(2), |pipeline| {
                pipeline.phases.iter().any(|record| record.name == *phase && reached(record.status))
            })
            .await;
        mlsys.kill();
        nothing_is_left(&mlsys).await;
        mlsys.resume();
        let pipeline = mlsys.succeeded(id).await;
        assert!(pipeline.deployed, "{phase}: {:?}", pipeline.reason);
        let versions = mlsys.get(&format!("/api/models/{name}/versions")).await;
        assert_eq!(versions["items"].as_array().map(Vec::len), Some(1), "{phase}");
        let url = format!("{}/api/2.0/mlflow/model-versions/search?filter=name%3D'{name}'", mlsys.mlflow());
        let registered: serde_json::Value =
            mlsys.http().get(url).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(registered["model_versions"].as_array().map(Vec::len), Some(1), "{phase}: {registered}");
        let log = mlsys.stored_log(id).await;
        assert!(log.iter().zip(1..).all(|(line, seq)| line.seq == seq), "{phase}: the log has no gap");
    }
}

/// Waits until no process mentions the home any more: kernels, MLflow and models in Python end with their parent.
async fn nothing_is_left(mlsys: &Mlsys) {
    let home = mlsys.home().to_string_lossy().into_owned();
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let left = testkit::processes_that_mention(&home);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_while_mlsys_is_down_runs_when_it_is_back() {
    // The hook must find the secret though it sees nothing of the settings that mlsys was started with.
    let environment = vec![("GITHUB_WEBHOOK_SECRET".to_owned(), "a secret of one's own".to_owned())];
    let mut mlsys = Mlsys::start(BINARY, Options { environment });
    let project = Project::new(&mlsys, "patient");
    assert_eq!(mlsys.stop(), Some(0), "SIGTERM ends it well");
    assert!(project.write("n.ipynb", Notebook::valid("patient").json()).push().is_empty());
    mlsys.resume();
    let pipelines = mlsys.get("/api/pipelines?repo=local/patient").await;
    let id = pipelines["items"][0]["id"].as_str().expect("a pipeline").parse().expect("an id");
    assert!(mlsys.succeeded(id).await.deployed);
}
