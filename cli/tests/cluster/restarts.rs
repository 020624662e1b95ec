//! Rolling restarts under load.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use contract::PipelineStatus;
use testkit::{Books, Entry, Member, Notebook, Outcome, Size};

use crate::{
    Stage,
    lost::{busy, finished_elsewhere},
    said_worker, stage,
};

/// How many repositories are pushed to meanwhile.
const REPOSITORIES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_nothing_and_fails_nothing() {
    let stage = stage(&Size::default()).await;
    let (books, done) = (Books::default(), AtomicBool::new(false));
    let load = futures_util::future::join_all((0..REPOSITORIES).map(|number| pushes(&stage, &books, &done, number)));
    let restarts = async {
        for member in stage.workers.iter().chain(&stage.backends).chain(&stage.model_servers) {
            // Something is in hand when each of them is asked to stop.
            some_run(&stage).await;
            restart(&stage, member);
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, restarts);
    books.all_ended(&stage, Duration::from_mins(3)).await;
    let summary = books.check(&stage).await;
    assert!(summary.failures.is_empty(), "{summary:?}");
    assert!(!summary.statuses.contains_key(&PipelineStatus::Failed), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_that_outlasts_the_grace_is_handed_to_another_worker() {
    let settings = vec![("SHUTDOWN_GRACE_SECONDS", "1".to_owned())];
    // Half of it is long enough for a kernel's start on a busy machine.
    let stage = stage(&Size { lease: 60, settings, ..Size::default() }).await;
    let busy = busy(&stage, "handed-over", 8).await;
    let code = tokio::task::block_in_place(|| stage.workers[busy.worker].stop());
    let since = Instant::now();
    assert_eq!(code, Some(0));
    stage.timeline.say("the worker has stopped");
    let other = stage.workers[1 - busy.worker].pid();
    stage.api().line(busy.id, 0, Duration::from_mins(1), |line| said_worker(line) == other).await;
    stage.timeline.say(format!("the other runs the notebook after {:.1} s", since.elapsed().as_secs_f64()));
    assert!(since.elapsed() < stage.lease() / 2, "nobody waits for the lease of a worker that ended well");
    finished_elsewhere(&stage, busy).await;
}

/// Pushes to one repository until told to end.
async fn pushes(stage: &Stage, books: &Books, done: &AtomicBool, number: usize) {
    let model = format!("rolling-{number}");
    let repository = stage.repository(&format!("team/{model}")).await;
    for label in 0.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let push = repository.push("main", &[("n.ipynb", &Notebook::tiny(&model, &label.to_string()).json())]);
        let answer = Some(stage.deliver(&push).await);
        books.note(Entry { push, model: model.clone(), outcome: Outcome::Deploys, answer });
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
}

async fn some_run(stage: &Stage) {
    let running = async {
        loop {
            let list = stage.api().try_get("/api/pipelines?status=running").await;
            if list.is_ok_and(|list| list["items"].as_array().is_some_and(|items| !items.is_empty())) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), running).await.expect("something runs in time");
}

fn restart(stage: &Stage, member: &Member) {
    tokio::task::block_in_place(|| {
        stage.timeline.say(format!("{} is asked to stop", member.name()));
        assert_eq!(member.stop(), Some(0), "{} ends well", member.name());
        stage.timeline.say(format!("{} has stopped", member.name()));
        member.start();
        stage.timeline.say(format!("{} is back", member.name()));
    });
}
