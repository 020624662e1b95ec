//! Notebooks that go wrong in every way a kernel can: each ends honestly, and the worker takes the next job.

use contract::{PhaseStatus, PipelineRecord, PipelineStatus};
use testkit::{Notebook, Project};

use crate::mlsys;

/// Pushes a valid notebook with one more cell before its export.
async fn with_cell(project: &str, source: &str) -> PipelineRecord {
    let mlsys = mlsys();
    let notebook = Notebook::valid(project).before("mlops:export", source);
    let id = Project::new(mlsys, project).push_notebook("n.ipynb", notebook.json());
    mlsys.ended(id).await
}

fn failed_saying(pipeline: &PipelineRecord, parts: &[&str]) {
    assert_eq!(pipeline.status, PipelineStatus::Failed, "{pipeline:#?}");
    assert_eq!(pipeline.phases[2].status, PhaseStatus::Failed);
    let error = pipeline.phases[2].error.as_deref().unwrap_or_default();
    for part in parts {
        assert!(error.contains(part), "{part:?} is missing in {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_raises_is_named_with_its_error() {
    failed_saying(&with_cell("raises", "1 / 0").await, &["cell 5", "ZeroDivisionError"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_exits_is_named_with_its_code() {
    failed_saying(&with_cell("exits", "import os; os._exit(3)").await, &["cell 5", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_is_killed_is_named_with_the_signal() {
    failed_saying(
        &with_cell("killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)").await,
        &["cell 5", "SIGKILL"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_fills_its_memory_is_named_with_the_peak() {
    let pipeline = with_cell("fills-memory", "hoard = []\nwhile True:\n    hoard.append(bytearray(50_000_000))").await;
    failed_saying(&pipeline, &["cell 5", "memory", "MiB"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_its_time_is_interrupted_and_named() {
    let mlsys = mlsys();
    let notebook = Notebook::valid("too-slow")
        .with("mlops:config", "MODEL_NAME = 'too-slow'\nVERSION = '1'\nTIMEOUT_SECONDS = 3")
        .before("mlops:data", "import time; time.sleep(600)");
    let id = Project::new(mlsys, "too-slow").push_notebook("n.ipynb", notebook.json());
    failed_saying(&mlsys.ended(id).await, &["cell 1", "3 s", "TIMEOUT_SECONDS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_printed_lines_are_all_in_the_log() {
    let mlsys = mlsys();
    let pipeline = with_cell("prints", "for i in range(200_000): print('line number', i)").await;
    assert_eq!(pipeline.status, PipelineStatus::Succeeded, "{pipeline:#?}");
    let log = mlsys.stored_log(pipeline.id).await;
    let printed: Vec<_> = log.iter().filter_map(|line| line.text.strip_prefix("line number ")).collect();
    assert_eq!(printed.len(), 200_000);
    assert!(printed.iter().enumerate().all(|(index, text)| *text == index.to_string()));
    assert!(log.iter().zip(1..).all(|(line, seq)| line.seq == seq), "the log has no gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_output_is_cut_visibly_and_kept_as_an_artifact() {
    let mlsys = mlsys();
    let pipeline = with_cell("huge", "print('x' * 50_000_000)").await;
    assert_eq!(pipeline.status, PipelineStatus::Succeeded, "{pipeline:#?}");
    let notebook = mlsys.get(&format!("/api/pipelines/{}/notebook", pipeline.id)).await.to_string();
    assert!(notebook.len() < 4_000_000 && notebook.contains("cut"), "{} bytes", notebook.len());
    let run = pipeline.mlflow_run_id.expect("a run");
    let listed = mlsys.http().get(format!("{}/api/2.0/mlflow/artifacts/list?run_id={run}&path=outputs", mlsys.mlflow()));
    let listed: serde_json::Value = listed.send().await.expect("an answer").json().await.expect("JSON");
    let size: i64 = listed["files"].as_array().expect("files").iter().filter_map(|file| file["file_size"].as_i64()).sum();
    assert!(size >= 50_000_000, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_kernels_environment() {
    let mlsys = mlsys();
    let pipeline = with_cell("environment", "import os, json; print('ENV ' + json.dumps(dict(os.environ)))").await;
    let log = mlsys.stored_log(pipeline.id).await;
    let line = log.iter().find_map(|line| line.text.strip_prefix("ENV ")).expect("the environment");
    // What the run's own `pip` works with, what it alone shows to MLflow, and where its data lies; no other variable of ours is there.
    let data = ["MLSYS_WAREHOUSE", "MLSYS_BUCKETS", "MLSYS_LINEAGE"];
    let own = ["MLSYS_UV", "MLSYS_RUN_PACKAGES", "MLFLOW_TRACKING_TOKEN"].into_iter().chain(data);
    let line = own.fold(line.to_owned(), |line, name| line.replace(name, ""));
    for secret in [mlsys.webhook_secret().as_str(), "WEBHOOK", "TOKEN", "SECRET", "MLSYS_"] {
        assert!(!line.contains(secret), "{secret} is in {line}");
    }
    for name in ["MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "PIPELINE_ID", "GIT_COMMIT"] {
        assert!(line.contains(name), "{name} is missing");
    }
}
