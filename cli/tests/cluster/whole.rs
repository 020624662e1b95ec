//! The main job on many processes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use contract::{PhaseStatus, PipelineStatus};
use serde_json::{Value, json};
use testkit::{Books, Entry, Notebook, Outcome, Size};

use crate::{Stage, stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_is_done_by_many_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().display().to_string();
    // What a worker signs, model-servers elsewhere take, which take nothing else. Notebooks may read a folder of data.
    let settings = vec![("REQUIRE_PROVENANCE", "true".to_owned()), ("SANDBOX_READ", data)];
    let stage = stage(&Size { settings, ..Size::default() }).await;
    a_push_is_followed_deployed_and_predicts_at_every_server(&stage).await;
    a_cancel_interrupts_the_kernel_from_any_backend(&stage).await;
    a_retry_goes_on_from_the_failed_phase(&stage, folder.path()).await;
}

async fn a_push_is_followed_deployed_and_predicts_at_every_server(stage: &Stage) {
    let repository = stage.repository("team/whole").await;
    let slow = Notebook::tiny("whole", "1")
        .before("mlops:export", "import time\nfor i in range(50): print('tick', i); time.sleep(.02)");
    let push = repository.push("main", &[("notebooks/n.ipynb", &slow.json())]);
    let answer = stage.announce(&push, &stage.backend(0)).await.expect("acknowledged");
    assert_eq!((answer.status, answer.pipelines.len()), (202, 1));
    let id = answer.pipelines[0];
    let (followed, end) = stage.backend(1).follow(id, 0, usize::MAX).await;
    assert_eq!(end, Some(PipelineStatus::Succeeded));
    let pipeline = stage.backend(0).succeeded(id).await;
    assert!(pipeline.deployed, "{:?}", pipeline.reason);
    assert_eq!(followed, stage.backend(0).stored_log(id).await);
    assert_eq!(followed.iter().filter(|line| line.text.starts_with("tick ")).count(), 50);

    let rows = json!({ "inputs": [[0.0, 1.0], [18.0, 19.0]] });
    let mut answers: Vec<Value> = Vec::new();
    for server in &stage.model_servers {
        let api = testkit::Api::new(server.url(), Vec::new());
        let (status, answer) = api.post(&api.api("/predict/whole"), &rows).await;
        assert_eq!(status, 200, "{}: {answer}", server.name());
        answers.push(answer["predictions"].clone());
    }
    for backend in 0..stage.backends.len() {
        let api = stage.backend(backend);
        let (status, answer) = api.post(&api.api("/models/whole/predict"), &rows).await;
        assert_eq!(status, 200, "{answer}");
        answers.push(answer["predictions"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    let again = stage.announce(&push, &stage.backend(1)).await.expect("acknowledged");
    assert_eq!((again.status, again.pipelines), (200, answer.pipelines.clone()), "a repeated delivery at another backend");
    let books = Books::default();
    books.note(Entry { push, model: "whole".to_owned(), outcome: Outcome::Deploys, answer: Some(answer) });
    books.check(stage).await;
}

async fn a_cancel_interrupts_the_kernel_from_any_backend(stage: &Stage) {
    let repository = stage.repository("team/cancelled").await;
    let sleeper = "import time\nprint('asleep', flush=True)\ntry: time.sleep(600)\nfinally: print('awake', flush=True)";
    let notebook = Notebook::tiny("cancelled", "1").before("mlops:export", sleeper);
    let id = stage.push_notebook(&repository, "n.ipynb", &notebook.json()).await;
    let asleep = stage.backend(0).line(id, 0, Duration::from_mins(1), |line| line.text == "asleep").await;
    let api = stage.backend(1);
    let began = Instant::now();
    let (status, answer) = api.post(&api.api(&format!("/api/pipelines/{id}/cancel")), &json!({})).await;
    assert_eq!(status, 202, "{answer}");
    api.line(id, asleep.seq, Duration::from_secs(5), |line| line.text == "awake").await;
    let took = began.elapsed();
    stage.timeline.say(format!("the kernel was interrupted {} ms after the cancel", took.as_millis()));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(api.ended(id).await.status, PipelineStatus::Cancelled);
}

async fn a_retry_goes_on_from_the_failed_phase(stage: &Stage, data: &Path) {
    let repository = stage.repository("team/retried").await;
    let flag = data.join("flag");
    let notebook =
        Notebook::tiny("retried", "1").before("mlops:export", &format!("open({:?}).close()", flag.display().to_string()));
    let id = stage.push_notebook(&repository, "n.ipynb", &notebook.json()).await;
    assert_eq!(stage.backend(0).ended(id).await.status, PipelineStatus::Failed);
    std::fs::write(&flag, "").expect("written");
    let api = stage.backend(1);
    let (status, answer) = api.post(&api.api(&format!("/api/pipelines/{id}/retry")), &json!({})).await;
    assert_eq!(status, 202, "{answer}");
    let pipeline = stage.backend(0).succeeded(id).await;
    let attempts: Vec<_> = pipeline.phases.iter().map(|phase| (phase.status, phase.attempt)).collect();
    // Whether the first phases run again depends on which worker has their files; that they need not is tested elsewhere.
    assert!(attempts.iter().all(|(status, _)| *status == PhaseStatus::Succeeded), "{attempts:?}");
    assert_eq!(attempts[2].1, 2, "the phase that failed ran twice: {attempts:?}");
    assert!(pipeline.deployed, "{:?}", pipeline.reason);
}
