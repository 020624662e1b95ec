use std::{collections::BTreeMap, time::Duration};

use contract::{Environment, Flavour, LogLine, Phase, PipelineId, PipelineStatus, Stream};
use jiff::Timestamp;
use store::{
    Cursor, Lease, Locked, NewDelivery, NewDeployment, NewTask, NewVersion, OldVersion, Pushed, Store, StoreError,
    VersionCursor,
};

use crate::{TTL, World, pushed};

/// How many deployments are kept, in these tests.
const KEPT: u32 = 2;

fn tomorrow() -> Timestamp {
    Timestamp::now() + Duration::from_hours(24)
}

/// A pipeline of a notebook in a worker's hands, with a log and a notebook.
async fn running(world: &World, notebook: &str) -> Lease {
    let id = world.by_hand(notebook).await;
    let lease = world.store.pipelines.take_lease(id, "w", TTL).await.unwrap().unwrap();
    let line = |seq| LogLine {
        seq,
        at: Timestamp::UNIX_EPOCH,
        phase: Phase::Execute,
        cell: None,
        stream: Stream::Stdout,
        text: "é".repeat(100),
        data: None,
    };
    world.store.pipelines.start_phase(&lease, Phase::Download).await.unwrap();
    for seq in 1..=3 {
        world.store.pipelines.append_logs(&lease, seq, &[line(seq)]).await.unwrap();
    }
    world.store.pipelines.save_notebook(&lease, b"{}").await.unwrap();
    lease
}

async fn end(store: &Store, lease: &Lease, status: PipelineStatus) -> PipelineId {
    store.pipelines.finish_pipeline(lease, status, false, None).await.unwrap();
    lease.pipeline_id
}

async fn ended(world: &World, notebook: &str, status: PipelineStatus) -> PipelineId {
    let lease = running(world, notebook).await;
    end(&world.store, &lease, status).await
}

/// A pipeline that made this version and, if asked for, deployed it to dev.
async fn version(world: &World, notebook: &str, version: u64, deploy: bool) -> PipelineId {
    let lease = running(world, notebook).await;
    let (model, serving) = ("titanic".parse().unwrap(), &world.store.serving);
    let (uri, sha256) = (format!("file:///v{version}"), "ab".repeat(32));
    let new = NewVersion { model, version, flavour: Flavour::Onnx, uri, sha256 };
    serving.record_version(&lease, new.clone()).await.unwrap();
    if deploy {
        let NewVersion { model, version, uri, sha256, .. } = new;
        let new = NewDeployment { version, uri, sha256, metrics: BTreeMap::new() };
        let pushed = crate::push(&world.store, &lease, (&model, &Environment::dev()), new).await;
        assert!(matches!(pushed, Pushed::Current(_)));
    }
    end(&world.store, &lease, PipelineStatus::Succeeded).await
}

/// The pipelines that may go in part, and those of them that may go whole.
async fn may_go(store: &Store) -> (Vec<PipelineId>, Vec<PipelineId>) {
    let kept = store.retention.rollback_pipelines(KEPT).await.unwrap();
    let (ended, _) = store.retention.ended_pipelines(&Cursor::START, tomorrow(), KEPT, &kept).await.unwrap();
    let whole = ended.iter().filter(|one| one.whole).map(|one| one.id).collect();
    (ended.iter().map(|one| one.id).collect(), whole)
}

async fn old_versions(store: &Store) -> Vec<u64> {
    let kept = store.retention.rollback_pipelines(KEPT).await.unwrap();
    let from = VersionCursor::default();
    let (old, _) = store.retention.old_versions(&from, tomorrow(), KEPT, &kept).await.unwrap();
    old.iter().map(|old| old.version).collect()
}

async fn remove_whole(store: &Store, ids: &[PipelineId]) -> u64 {
    while store.retention.remove_logs(ids, KEPT, 2).await.unwrap() > 0 {}
    store.retention.remove_pipelines(ids, KEPT, true).await.unwrap()
}

async fn the_newest_result_of_a_notebook_stays_and_what_is_no_result_goes(world: World) {
    use PipelineStatus::{Cancelled, Failed, Succeeded};
    let store = &world.store;
    let first = ended(&world, "a.ipynb", Succeeded).await;
    let failed = ended(&world, "a.ipynb", Failed).await;
    let good = ended(&world, "a.ipynb", Succeeded).await;
    let newest = ended(&world, "a.ipynb", Failed).await;
    let cancelled = ended(&world, "a.ipynb", Cancelled).await;
    let other = ended(&world, "b.ipynb", Failed).await;
    let (running, queued) = (running(&world, "c.ipynb").await, world.by_hand("c.ipynb").await);
    assert_eq!(may_go(store).await, (vec![first, failed, cancelled], vec![first, failed, cancelled]));

    let all = [first, failed, good, newest, cancelled, other, running.pipeline_id, queued];
    assert_eq!(remove_whole(store, &all).await, 3);
    for id in [first, failed, cancelled] {
        assert!(matches!(store.pipelines.pipeline(id).await, Err(StoreError::NotFound)));
        assert_eq!((store.pipelines.last_seq(id).await.unwrap(), store.pipelines.notebook(id).await.unwrap()), (0, None));
    }
    for id in [good, newest, other, running.pipeline_id] {
        assert_eq!(store.pipelines.pipeline(id).await.unwrap().phases.len(), 5);
        assert_eq!(store.pipelines.last_seq(id).await.unwrap(), 3);
        assert!(store.pipelines.notebook(id).await.unwrap().is_some());
    }
    assert_eq!(store.pipelines.pipeline(queued).await.unwrap().status, PipelineStatus::Queued);
    let task = &store.tasks.list(10).await.unwrap()[0];
    assert_eq!((task.kind.as_str(), task.attempt), ("remove_files", 0), "packages of what did not succeed");
}

async fn what_is_deployed_or_rolled_back_to_stays_with_its_pipeline_and_rollbacks_work(world: World) {
    let store = &world.store;
    let mut ids = Vec::new();
    for number in 1..=6 {
        ids.push(version(&world, "m.ipynb", number, true).await);
    }
    let beside = version(&world, "m.ipynb", 7, false).await;
    let newest = version(&world, "m.ipynb", 8, false).await;
    // The last two deployments, and the two before the current one by rollback, which are 5 and 4.
    assert_eq!(old_versions(store).await, [1, 2, 3, 7]);
    let (parts, whole) = may_go(store).await;
    assert_eq!((parts, whole), ([&ids[..3], &[beside]].concat(), vec![]), "versions hold them");
    let all: Vec<_> = (1..=8).map(|version| OldVersion { model: "titanic".parse().unwrap(), version }).collect();
    // 4 too: what rollbacks lead to is kept by those who ask for the old versions.
    assert_eq!(store.retention.remove_versions(&all, KEPT, true).await.unwrap(), 5);
    assert_eq!(store.retention.remove_versions(&all, KEPT, true).await.unwrap(), 0);
    assert!(old_versions(store).await.is_empty());
    assert_eq!(remove_whole(store, &[&ids[..], &[beside, newest]].concat()).await, 5);
    let dev = Environment::dev();
    let model = "titanic".parse().unwrap();
    assert_eq!(store.serving.deployment(&model, &dev).await.unwrap().unwrap().version, 6);
    let Locked::Free(lock) = store.serving.lock(&model, &dev, TTL).await.unwrap() else { panic!("it is free") };
    let target = store.serving.rollback_target(&model, &dev).await.unwrap().unwrap();
    assert_eq!(target.version, 5);
    let change = store.serving.roll_back(&lock, &target).await.unwrap().unwrap();
    assert_eq!(store.serving.rollback_target(&model, &dev).await.unwrap(), None, "4 is gone, and nothing points to it");
    assert!(store.serving.undo(&lock, &change.deployment).await.unwrap());
    assert_eq!(store.serving.deployment(&model, &dev).await.unwrap().unwrap().version, 6);
}

async fn a_pipeline_that_is_retried_meanwhile_is_not_removed(world: World) {
    let store = &world.store;
    let failed = ended(&world, "a.ipynb", PipelineStatus::Failed).await;
    ended(&world, "a.ipynb", PipelineStatus::Succeeded).await;
    assert_eq!(may_go(store).await.1, [failed]);
    store.pipelines.retry(failed).await.unwrap();
    assert_eq!(remove_whole(store, &[failed]).await, 0);
    assert_eq!(store.pipelines.last_seq(failed).await.unwrap(), 3);
}

async fn logs_are_measured_from_the_newest_on_and_removed_a_few_rows_at_a_time(world: World) {
    let store = &world.store;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(ended(&world, "a.ipynb", PipelineStatus::Succeeded).await);
    }
    let kept = store.retention.rollback_pipelines(KEPT).await.unwrap();
    let (ended, next) = store.retention.ended_pipelines(&Cursor::START, tomorrow(), KEPT, &kept).await.unwrap();
    assert_eq!((ended.len(), ended[0].log_rows), (3, 4), "the newest result is not among them");
    let each = ended[0].log_bytes;
    assert!(each > 600, "bytes, not characters");
    let (none, end) = store.retention.ended_pipelines(&next.unwrap(), tomorrow(), KEPT, &kept).await.unwrap();
    assert_eq!((none, end), (vec![], None));

    let second = store.pipelines.pipeline(ids[1]).await.unwrap().finished_at;
    assert_eq!(store.retention.end_before_log_bytes(each * 4).await.unwrap(), None);
    assert_eq!(store.retention.end_before_log_bytes(each * 3 - 1).await.unwrap(), second);
    assert_eq!(store.retention.end_before_last(2).await.unwrap(), second);
    assert_eq!(store.retention.end_before_last(4).await.unwrap(), None);

    for left in [2, 1, 0] {
        assert_eq!(store.retention.remove_logs(&ids[..1], KEPT, 1).await.unwrap(), 1);
        assert_eq!(world.count("SELECT COUNT(*) FROM log_chunks").await, 9 + left);
    }
    assert_eq!(store.retention.remove_logs(&ids[..1], KEPT, 9).await.unwrap(), 1, "its notebook");
    assert_eq!(store.retention.remove_logs(&ids, KEPT, 100).await.unwrap(), 8);
    assert_eq!(store.pipelines.pipeline(ids[0]).await.unwrap().id, ids[0]);
}

async fn deliveries_and_ended_tasks_go_when_they_are_old(world: World) {
    let store = &world.store;
    for number in 0..5 {
        let delivery_id = format!("d{number}");
        let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
        store.intake.accept_delivery(delivery, vec![pushed(number, "a.ipynb")]).await.unwrap();
    }
    let moment = store.retention.ago(Duration::from_hours(1)).await.unwrap();
    assert_eq!(store.retention.old_deliveries(moment).await.unwrap(), 0);
    assert_eq!(store.retention.remove_deliveries(moment, 10).await.unwrap(), 0);
    assert_eq!(store.retention.old_deliveries(tomorrow()).await.unwrap(), 5);
    assert_eq!(store.retention.remove_deliveries(tomorrow(), 3).await.unwrap(), 3);
    assert_eq!(store.retention.remove_deliveries(tomorrow(), 3).await.unwrap(), 2);

    let id = store.tasks.create(NewTask::soon(contract::TaskPayload::Retention)).await.unwrap().unwrap();
    assert_eq!(store.retention.remove_tasks(tomorrow(), 10).await.unwrap(), 0);
    let lease = store.tasks.lease(id, "w", TTL).await.unwrap().unwrap();
    store.tasks.finish(&lease, &serde_json::json!({})).await.unwrap();
    assert_eq!(store.retention.remove_tasks(moment, 10).await.unwrap(), 0);
    assert_eq!(store.retention.remove_tasks(tomorrow(), 10).await.unwrap(), 1);
}

async fn a_file_gives_back_what_is_free_beyond_some_spare(world: World) {
    let store = &world.store;
    world.tamper("CREATE TABLE big (content TEXT)").await;
    assert_eq!(store.retention.give_back(100).await.unwrap(), 0);
    if world.is_postgresql() {
        return;
    }
    world
        .tamper(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
             INSERT INTO big SELECT hex(zeroblob(20000)) FROM n; DELETE FROM big",
        )
        .await;
    let pages = world.count("PRAGMA page_count").await;
    assert_eq!(store.retention.give_back(100).await.unwrap(), 100);
    assert_eq!(world.count("PRAGMA page_count").await, pages - 100);
    while store.retention.give_back(1000).await.unwrap() > 0 {}
    assert_eq!(world.count("PRAGMA freelist_count").await, 4096);
}

on_both![
    the_newest_result_of_a_notebook_stays_and_what_is_no_result_goes,
    what_is_deployed_or_rolled_back_to_stays_with_its_pipeline_and_rollbacks_work,
    a_pipeline_that_is_retried_meanwhile_is_not_removed,
    logs_are_measured_from_the_newest_on_and_removed_a_few_rows_at_a_time,
    deliveries_and_ended_tasks_go_when_they_are_old,
    a_file_gives_back_what_is_free_beyond_some_spare,
];
