//! A notebook whose worker dies whenever it is run, as one does that the system kills for want of memory.

use std::time::{Duration, Instant};

use contract::PipelineStatus;
use testkit::{Notebook, Size};

use crate::{WHO, said_worker, stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_whose_workers_die_is_given_up_after_three_take_overs() {
    let stage = stage(&Size { lease: 3, model_servers: 1, backends: 1, ..Size::default() }).await;
    let repository = stage.repository("team/poison").await;
    let notebook = Notebook::tiny("poison", "1").before("mlops:export", &format!("{WHO}\ntime.sleep(600)"));
    let id = stage.push_notebook(&repository, "n.ipynb", &notebook.json()).await;
    let deadline = Instant::now() + Duration::from_mins(3);
    let pipeline = loop {
        let pipeline = stage.api().pipeline(id).await;
        if pipeline.status.is_final() {
            break pipeline;
        }
        let last = stage.api().stored_log(id).await.iter().filter_map(said_worker).next_back();
        if let Some(worker) = last.and_then(|pid| stage.worker_of(pid)).map(|worker| &stage.workers[worker]) {
            worker.kill();
            stage.timeline.say(format!("{} was killed", worker.name()));
            // As a supervisor would.
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
