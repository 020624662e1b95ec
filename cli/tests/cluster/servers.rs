//! Servers that lose everything, die, sleep or are unreachable.

use std::time::{Duration, Instant};

use contract::PipelineStatus;
use testkit::{Books, Entry, Notebook, Outcome, Size};

use crate::{Stage, stage};

/// Pushes some notebooks to a repository of their own, each with a model of its own.
async fn push_many(stage: &Stage, books: &Books, name: &str, count: usize) {
    let repository = stage.repository(&format!("team/{name}")).await;
    for number in 0..count {
        let model = format!("{name}-{number}");
        let push = repository.push("main", &[(&format!("{model}.ipynb"), &Notebook::tiny(&model, "1").json())]);
        let answer = Some(stage.deliver(&push).await);
        books.note(Entry { push, model, outcome: Outcome::Deploys, answer });
    }
}

/// Waits until so many pipelines have ended.
async fn until_ended(stage: &Stage, repo: &str, count: usize) {
    let deadline = Instant::now() + Duration::from_mins(3);
    loop {
        let all = stage.api().all(&format!("/api/pipelines?repo={repo}&limit=200")).await;
        let open = [PipelineStatus::Queued.as_str(), PipelineStatus::Running.as_str()];
        let ended = all.iter().filter(|one| open.iter().all(|word| one["status"] != *word)).count();
        if ended >= count {
            return stage.timeline.say(format!("{ended} of {} have ended", all.len()));
        }
        assert!(Instant::now() < deadline, "{ended} of {} have ended", all.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every pipeline ends, succeeds, and the books are right.
async fn all_well(stage: &Stage, books: &Books) {
    books.all_ended(stage, Duration::from_mins(4)).await;
    let summary = books.check(stage).await;
    assert!(summary.statuses.keys().all(|status| *status == PipelineStatus::Succeeded), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_lose_everything_in_the_middle() {
    let stage = stage(&Size::default()).await;
    let books = Books::default();
    push_many(&stage, &books, "flushed", 20).await;
    until_ended(&stage, "team/flushed", 3).await;
    stage.redis.flush_all();
    stage.timeline.say("Redis was flushed");
    until_ended(&stage, "team/flushed", 8).await;
    tokio::task::block_in_place(|| stage.redis.restart_empty());
    stage.timeline.say("Redis was killed and is back, empty");
    all_well(&stage, &books).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_may_be_killed_and_redis_may_sleep() {
    let stage = stage(&Size::default()).await;
    let books = Books::default();
    push_many(&stage, &books, "rebooted", 4).await;
    until_ended(&stage, "team/rebooted", 1).await;
    stage.postgres.kill();
    stage.timeline.say("PostgreSQL was killed");
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::task::block_in_place(|| stage.postgres.start());
    stage.timeline.say("PostgreSQL is back");
    all_well(&stage, &books).await;

    stage.redis.pause();
    let since = Instant::now();
    stage.timeline.say("Redis sleeps");
    // A push is durable without the queue.
    push_many(&stage, &books, "asleep", 3).await;
    stage.timeline.say("the pushes are acknowledged");
    assert!(since.elapsed() < Duration::from_secs(20));
    tokio::time::sleep(Duration::from_secs(20).saturating_sub(since.elapsed())).await;
    stage.redis.wake();
    stage.timeline.say("Redis is awake");
    all_well(&stage, &books).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_server_that_was_away_is_named_and_catches_up() {
    let stage = stage(&Size { model_servers: 3, workers: 1, backends: 1, ..Size::default() }).await;
    let books = Books::default();
    push_many(&stage, &books, "lagging", 1).await;
    all_well(&stage, &books).await;
    let away = &stage.model_servers[2];
    push_many(&stage, &books, "absent", 1).await;
    let id = books.entries()[1].answer.as_ref().expect("acknowledged").pipelines[0];
    // So late that it still counts when the model is deployed.
    stage.api().line(id, 0, Duration::from_mins(1), |line| line.text.contains(" cells ran in ")).await;
    away.kill();
    stage.timeline.say(format!("{} was killed", away.name()));
    let pipeline = stage.api().succeeded(id).await;
    assert!(pipeline.deployed, "a majority is enough: {:?}", pipeline.reason);
    let log: Vec<_> = stage.api().stored_log(id).await.into_iter().map(|line| line.text).collect();
    assert!(log.iter().any(|text| text.contains(&away.url())), "the log names {}: {log:#?}", away.url());
    tokio::task::block_in_place(|| away.start());
    let since = Instant::now();
    let api = stage.model_server(away);
    while api.try_get("/models/absent-0").await.is_err() {
        assert!(since.elapsed() < Duration::from_secs(30), "it does not catch up");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.timeline.say(format!("{} caught up after {:.1} s", away.name(), since.elapsed().as_secs_f64()));
    all_well(&stage, &books).await;
}
