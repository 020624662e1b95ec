//! Jobs that nobody waits for.

use std::sync::Mutex;

use worker::runner::PodEnd;

use crate::stage::{Stage, UNTIL_OPEN, pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_ended_pipelines_and_old_leases_are_swept_and_no_others() {
    let mut stage = Stage::with(&format!("{UNTIL_OPEN}; exit 0"));
    let (live, orphan) = (pipeline(), pipeline());
    let runs = [stage.start(live.clone()).await, stage.start(orphan.clone()).await];
    for run in &runs {
        run.said("runs on node").await;
    }
    // Another installation's, which shares the namespace.
    stage.config.owner = "another".to_owned();
    let foreign = stage.start(pipeline()).await;
    foreign.said("runs on node").await;
    stage.config.owner = "test".to_owned();

    let asked = Mutex::new(Vec::new());
    let is_live = async |pipeline, lease| {
        asked.lock().expect("unpoisoned").push((pipeline, lease));
        pipeline == live.pipeline
    };
    let runner = stage.runner().await;
    assert_eq!(runner.sweep(&is_live).await.expect("swept"), 1);
    assert_eq!(asked.lock().expect("unpoisoned").len(), 2);
    let [kept, swept] = runs;
    assert!(matches!(swept.ended().await.0, PodEnd::Lost { .. }));
    stage.open();
    assert_eq!(kept.ended().await.0, PodEnd::Finished);
    assert_eq!(foreign.ended().await.0, PodEnd::Finished);
    assert_eq!(runner.sweep(async |_, _| false).await.expect("swept"), 0, "finished Jobs end by themselves");
    assert_eq!(stage.api.jobs().len(), 2);
}
