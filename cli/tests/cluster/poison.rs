//! A notebook that takes its worker down with it.

use std::time::{Duration, Instant};

use contract::PipelineStatus;
use testkit::{Notebook, Size};

use crate::{WHO, said_worker, stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_that_kills_its_workers_is_given_up_after_three_take_overs() {
    let stage = stage(&Size { lease: 3, model_servers: 1, backends: 1, ..Size::default() }).await;
    let repository = stage.repository("team/poison").await;
    let notebook = Notebook::tiny("poison", "1")
        .before("mlops:export", &format!("{WHO}\ntime.sleep(1)\nos.kill(worker(), signal.SIGKILL)"));
    let id = stage.push_notebook(&repository, "n.ipynb", &notebook.json()).await;
    let deadline = Instant::now() + Duration::from_mins(3);
    let pipeline = loop {
        let pipeline = stage.api().pipeline(id).await;
        if pipeline.status.is_final() {
            break pipeline;
        }
        // As a supervisor would.
        for worker in stage.workers.iter().filter(|worker| !worker.is_running()) {
            stage.timeline.say(format!("{} was killed", worker.name()));
            worker.kill();
            worker.start();
        }
        assert!(Instant::now() < deadline, "{pipeline:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(pipeline.status, PipelineStatus::Failed, "{pipeline:#?}");
    let reason = pipeline.reason.unwrap_or_default();
    stage.timeline.say(&reason);
    assert!(reason.contains("given up") && reason.contains("workers"), "{reason}");
    let log = stage.api().stored_log(id).await;
    assert_eq!(log.iter().filter(|line| said_worker(line).is_some()).count(), 4, "the first worker, and three take-overs");
    assert!(log.iter().zip(1..).all(|(line, seq)| line.seq == seq));
}
