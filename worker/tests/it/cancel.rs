//! Cancels, wherever a pod stands.

use std::time::{Duration, Instant};

use testkit::kubernetes::Node;
use worker::runner::PodEnd;

use crate::stage::{Stage, UNTIL_OPEN, pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_pod_that_does_not_end_by_itself_is_deleted() {
    let stage = Stage::with("trap '' TERM; while :; do sleep 0.1; done");
    let run = stage.start(pipeline()).await;
    stage.api.running_pod().await;
    run.cancel.cancel();
    assert_eq!(run.ended().await.0, PodEnd::Cancelled);
    assert_eq!((stage.api.jobs().len(), stage.api.pods().len()), (0, 0));
    // Processes that were killed are listed for a moment yet.
    let gate = stage.gate().to_string_lossy().into_owned();
    let left = || testkit::processes_that_mention(&gate);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !left().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", left());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_hears_of_the_cancel_by_itself_is_left_to_end_well() {
    let mut stage = Stage::with(&format!("{UNTIL_OPEN}; exit 0"));
    stage.config.cancel_grace = Duration::from_secs(20);
    let run = stage.start(pipeline()).await;
    stage.api.running_pod().await;
    run.said("runs on node").await;
    run.cancel.cancel();
    stage.open();
    assert_eq!(run.ended().await.0, PodEnd::Finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_has_not_started_is_deleted_at_once() {
    let mut stage = Stage::with("exit 0");
    (stage.config.pending, stage.config.cancel_grace) = (Duration::from_hours(1), Duration::from_hours(1));
    stage.api.node(Node { cpu: "0.1".to_owned(), memory: "1Gi".to_owned() });
    let run = stage.start(pipeline()).await;
    run.said("unschedulable").await;
    run.cancel.cancel();
    assert_eq!(run.ended().await.0, PodEnd::Cancelled);
    assert_eq!((stage.api.jobs().len(), stage.api.pods().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_the_api_is_away_leaves_no_job_behind() {
    let stage = Stage::with("exit 0");
    stage.api.go_away(Duration::from_secs(1));
    let run = stage.start(pipeline()).await;
    run.said("can't be made yet").await;
    run.cancel.cancel();
    let began = Instant::now();
    assert_eq!(run.ended().await.0, PodEnd::Cancelled);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(stage.api.jobs().len(), 0);
}
