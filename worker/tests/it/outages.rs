//! What the API server may do to those who watch it.

use std::time::Duration;

use worker::runner::PodEnd;

use crate::stage::{Stage, UNTIL_OPEN, failure, pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_away_when_the_job_is_to_be_made_costs_only_time() {
    let stage = Stage::with("exit 0");
    stage.api.go_away(Duration::from_secs(1));
    let (end, log) = stage.run().await;
    assert_eq!(end, PodEnd::Finished);
    assert_eq!(log.iter().filter(|line| line.contains("can't be made yet")).count(), 1, "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_during_an_outage_is_heard_of_after_it() {
    for (script, code) in [("exit 0", 0), ("echo oh no; exit 3", 3)] {
        let stage = Stage::with(&format!("{UNTIL_OPEN}; {script}"));
        let run = stage.start(pipeline()).await;
        run.said("runs on node").await;
        stage.api.go_away(Duration::from_secs(2));
        stage.open();
        stage.api.pod(|pod| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))).await;
        let (end, log) = run.ended().await;
        assert_eq!(log.iter().filter(|line| line.contains("can't be followed")).count(), 1, "{log:?}");
        if code == 0 {
            assert_eq!(end, PodEnd::Finished);
        } else {
            assert!(failure(end).contains("exit code 3"));
            assert!(log.iter().any(|line| line.ends_with(": oh no")), "{log:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_gone_is_listed_anew() {
    for as_status in [false, true] {
        let stage = Stage::with(&format!("{UNTIL_OPEN}; exit 0"));
        let run = stage.start(pipeline()).await;
        run.said("runs on node").await;
        stage.api.compact(as_status);
        stage.open();
        assert_eq!(run.ended().await.0, PodEnd::Finished, "410 as the answer's status: {as_status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_and_its_job_that_vanished_unseen_are_lost() {
    let stage = Stage::with("exec sleep 60");
    let run = stage.start(pipeline()).await;
    run.said("runs on node").await;
    stage.api.go_away(Duration::from_secs(1));
    let pod = stage.api.running_pod().await;
    stage.api.delete_job(&pod);
    stage.api.emptied().await;
    stage.api.compact(false);
    assert!(matches!(run.ended().await.0, PodEnd::Lost { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_comes_back_takes_its_running_job_up() {
    let stage = Stage::with(&format!("{UNTIL_OPEN}; exit 0"));
    let job = pipeline();
    let run = stage.start(job.clone()).await;
    run.said("runs on node").await;
    run.end.abort();
    let again = stage.start(job).await;
    again.said("runs on node").await;
    assert_eq!(stage.api.jobs().len(), 1);
    stage.open();
    assert_eq!(again.ended().await.0, PodEnd::Finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_takes_calls_and_answers_none_is_asked_again() {
    let stage = Stage::with("exit 0");
    stage.api.fall_silent();
    let run = stage.start(pipeline()).await;
    run.said("did not answer within 10 s").await;
    stage.api.come_back();
    assert_eq!(run.ended().await.0, PodEnd::Finished);
}
