use contract::{BatchId, BatchShard, BatchStatus, Environment, Scope, TaskPayload};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Batch, BatchFilter, Created, NewBatch, ShardDone, ShardEnd, StoreError, TaskLease};

use crate::{TTL, World};

async fn make(world: &World, job: Option<&str>, shards: usize) -> Created {
    let pieces: Vec<Value> = (0..shards).map(|shard| json!({ "part": shard })).collect();
    let new = NewBatch {
        job,
        model_name: &"titanic".parse().unwrap(),
        environment: &Environment::dev(),
        version: 3,
        spec: &json!({ "what": "ever" }),
        rows: Some(100),
        pieces: &pieces,
        created_by: "ada",
    };
    world.store.batches.create(new).await.unwrap()
}

async fn made(world: &World, shards: usize) -> Batch {
    let Created::Now(batch) = make(world, None, shards).await else { panic!("there was one before") };
    batch
}

/// A lease of each task of a batch prediction that is due, and what it is to do.
async fn leases(world: &World) -> Vec<(TaskLease, TaskPayload)> {
    let mut leases = Vec::new();
    for job in world.store.tasks.unsent_jobs(100).await.unwrap() {
        assert!(job.batch, "these have a line of their own");
        if let Some(lease) = world.store.tasks.lease(job.id, "a", TTL).await.unwrap() {
            let payload = lease.payload.clone();
            leases.push((lease, payload));
        }
    }
    leases
}

fn shard_of(payload: &TaskPayload) -> BatchShard {
    let TaskPayload::BatchShard(shard) = payload else { panic!("{payload:?} is no shard") };
    *shard
}

fn done(scored: u64, rejected: u64) -> ShardDone {
    ShardDone { files: json!({ "of": scored }), scored, rejected }
}

async fn status(world: &World, id: BatchId) -> BatchStatus {
    world.store.batches.get(id).await.unwrap().unwrap().status
}

async fn shards_are_scored_and_after_the_last_one_their_files_are_written(world: World) {
    let batches = &world.store.batches;
    let id = made(&world, 3).await.id;
    assert_eq!(world.store.tasks.due(true).await.unwrap(), 3);
    assert_eq!(world.store.tasks.due(false).await.unwrap(), 0);
    let leases = leases(&world).await;
    for (at, (lease, payload)) in (0_u32..).zip(&leases) {
        let shard = shard_of(payload);
        let work = batches.begin_shard(shard).await.unwrap().unwrap();
        assert_eq!((work.piece, work.done), (json!({ "part": shard.shard }), false));
        world.store.tasks.renew(lease, TTL, Some(&json!({ "rows": 7 }))).await.unwrap();
        let now = batches.get(id).await.unwrap().unwrap();
        assert_eq!((now.status, now.shards_done, now.rows_done), (BatchStatus::Running, at, u64::from(at) * 12 + 7));
        assert_ne!(batches.finish_shard(lease, shard, &done(10, 2)).await.unwrap(), ShardEnd::ForNothing);
        assert_eq!(batches.finish_shard(lease, shard, &done(10, 2)).await.unwrap(), ShardEnd::ForNothing, "once");
        world.store.tasks.finish(lease, &json!({})).await.unwrap();
    }
    let now = batches.get(id).await.unwrap().unwrap();
    assert_eq!((now.status, now.shards_done, now.rows_done, now.rows_rejected), (BatchStatus::Writing, 3, 36, 6));
    assert_eq!(batches.files(id).await.unwrap(), vec![json!({ "of": 10 }); 3]);
    assert!(matches!(batches.cancel(id).await, Err(StoreError::Conflict)), "its rows may be in the output");
    let (commit, payload) = self::leases(&world).await.pop().unwrap();
    assert_eq!(payload, TaskPayload::BatchCommit(id));
    batches.succeed(id, 5).await.unwrap();
    world.store.tasks.finish(&commit, &json!({})).await.unwrap();
    let now = batches.get(id).await.unwrap().unwrap();
    assert_eq!((now.status, now.output_version, now.rows), (BatchStatus::Succeeded, Some(5), Some(100)));
    assert!(now.started_at.is_some() && now.finished_at.is_some());
    assert_eq!(batches.begin_shard(BatchShard { batch: id, shard: 0 }).await.unwrap(), None);
}

async fn whoever_lost_the_lease_of_a_shard_writes_nothing(world: World) {
    let batches = &world.store.batches;
    let id = made(&world, 1).await.id;
    let job = world.store.tasks.unsent_jobs(1).await.unwrap()[0];
    let lost = world.store.tasks.lease(job.id, "a", std::time::Duration::ZERO).await.unwrap().unwrap();
    let lease = world.store.tasks.lease(job.id, "b", TTL).await.unwrap().unwrap();
    let shard = BatchShard { batch: id, shard: 0 };
    batches.begin_shard(shard).await.unwrap().unwrap();
    assert!(matches!(batches.finish_shard(&lost, shard, &done(1, 0)).await, Err(StoreError::Fenced)));
    assert_ne!(batches.finish_shard(&lease, shard, &done(2, 0)).await.unwrap(), ShardEnd::ForNothing);
    assert_eq!(batches.files(id).await.unwrap(), [json!({ "of": 2 })]);
}

async fn of_the_last_shards_that_finish_together_one_has_the_files_written(world: World) {
    let id = made(&world, 8).await.id;
    let mut finishing = tokio::task::JoinSet::new();
    for (lease, payload) in leases(&world).await {
        let store = world.store.clone();
        finishing.spawn(async move {
            let shard = shard_of(&payload);
            store.batches.begin_shard(shard).await.unwrap();
            assert_ne!(store.batches.finish_shard(&lease, shard, &done(1, 0)).await.unwrap(), ShardEnd::ForNothing);
            store.tasks.finish(&lease, &json!({})).await.unwrap();
        });
    }
    finishing.join_all().await;
    assert_eq!(status(&world, id).await, BatchStatus::Writing);
    assert_eq!(leases(&world).await.len(), 1);
}

async fn a_job_is_made_once_however_many_ask(world: World) {
    let mut asking = tokio::task::JoinSet::new();
    let world = std::sync::Arc::new(world);
    for _ in 0..8 {
        let world = std::sync::Arc::clone(&world);
        asking.spawn(async move { make(&world, Some("nightly"), 2).await });
    }
    let made = asking.join_all().await;
    assert_eq!(made.iter().filter(|made| matches!(made, Created::Now(_))).count(), 1);
    assert_eq!(world.store.tasks.due(true).await.unwrap(), 2);
    let Created::Before(before) = make(&world, Some("nightly"), 5).await else { panic!("made twice") };
    assert_eq!((before.shards, before.job.as_deref()), (2, Some("nightly")));
}

async fn one_that_fails_or_is_cancelled_goes_on_where_it_was(world: World) {
    let batches = &world.store.batches;
    let id = made(&world, 3).await.id;
    let mut leases = leases(&world).await;
    let (first, payload) = leases.remove(0);
    let shard = shard_of(&payload);
    batches.begin_shard(shard).await.unwrap();
    batches.finish_shard(&first, shard, &done(5, 0)).await.unwrap();
    world.store.tasks.finish(&first, &json!({})).await.unwrap();
    let (second, _) = leases.remove(0);
    world.store.tasks.fail(&second, "the disk is full").await.unwrap();
    let failed = batches.get(id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.error.as_deref()), (BatchStatus::Failed, Some("the disk is full")));
    assert!(!batches.is_on(id).await.unwrap());
    let (third, payload) = leases.remove(0);
    assert!(matches!(batches.resume(id).await, Err(StoreError::Conflict)), "somebody has a shard of it in hand");
    assert_eq!(
        batches.finish_shard(&third, shard_of(&payload), &done(5, 0)).await.unwrap(),
        ShardEnd::ForNothing,
        "for nothing"
    );
    world.store.tasks.finish(&third, &json!({})).await.unwrap();

    let resumed = batches.resume(id).await.unwrap();
    assert_eq!((resumed.status, resumed.shards_done, resumed.error), (BatchStatus::Queued, 1, None));
    assert_eq!(world.store.tasks.due(true).await.unwrap(), 2);
    let cancelled = batches.cancel(id).await.unwrap();
    assert_eq!(cancelled.status, BatchStatus::Cancelled);
    assert_eq!(world.store.tasks.due(true).await.unwrap(), 0);
    assert!(matches!(batches.cancel(id).await, Err(StoreError::Conflict)));
    batches.resume(id).await.unwrap();
    for (lease, payload) in self::leases(&world).await {
        batches.begin_shard(shard_of(&payload)).await.unwrap().unwrap();
        assert_ne!(batches.finish_shard(&lease, shard_of(&payload), &done(1, 0)).await.unwrap(), ShardEnd::ForNothing);
    }
    assert_eq!(status(&world, id).await, BatchStatus::Writing);
}

async fn a_commit_that_fails_is_tried_again_when_somebody_asks(world: World) {
    let batches = &world.store.batches;
    let id = made(&world, 1).await.id;
    let (lease, payload) = leases(&world).await.pop().unwrap();
    batches.begin_shard(shard_of(&payload)).await.unwrap();
    batches.finish_shard(&lease, shard_of(&payload), &done(1, 0)).await.unwrap();
    let (commit, _) = leases(&world).await.pop().unwrap();
    world.store.tasks.fail(&commit, "no permission").await.unwrap();
    assert_eq!(status(&world, id).await, BatchStatus::Failed);
    assert_eq!(batches.resume(id).await.unwrap().status, BatchStatus::Writing);
    assert_eq!(leases(&world).await.pop().unwrap().1, TaskPayload::BatchCommit(id));
}

async fn they_are_listed_by_model_and_status_and_forgotten_after_their_end(world: World) {
    let batches = &world.store.batches;
    let ids = [made(&world, 1).await.id, made(&world, 1).await.id, made(&world, 1).await.id];
    batches.cancel(ids[1]).await.unwrap();
    let titanic = "titanic".parse().unwrap();
    let all = BatchFilter { limit: 2, ..BatchFilter::default() };
    let listed = |(found, more): (Vec<Batch>, bool)| (found.iter().map(|batch| batch.id).collect::<Vec<_>>(), more);
    let of = async |scope: &Scope, filter| listed(batches.list(scope, filter).await.unwrap());
    assert_eq!(of(&Scope::Everything, all).await, (vec![ids[2], ids[1]], true));
    assert_eq!(of(&Scope::Everything, BatchFilter { before: Some(ids[1]), ..all }).await, (vec![ids[0]], false));
    let cancelled = BatchFilter { status: Some(BatchStatus::Cancelled), model: Some(&titanic), ..all };
    assert_eq!(of(&Scope::Everything, cancelled).await, (vec![ids[1]], false));
    let none = Scope::Only { repos: [].into(), models: ["iris".parse().unwrap()].into() };
    assert_eq!(of(&none, all).await, (vec![], false));
    assert_eq!(of(&Scope::Only { repos: [].into(), models: [titanic.clone()].into() }, all).await.0.len(), 2);

    assert!(!batches.forget(ids[0]).await.unwrap(), "it is not over");
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let ended: Vec<_> = batches.ended(later, 9).await.unwrap().iter().map(|batch| batch.id).collect();
    assert_eq!(ended, [ids[1]]);
    assert!(batches.forget(ids[1]).await.unwrap());
    assert_eq!(batches.get(ids[1]).await.unwrap(), None);
}

on_both!(
    shards_are_scored_and_after_the_last_one_their_files_are_written,
    whoever_lost_the_lease_of_a_shard_writes_nothing,
    of_the_last_shards_that_finish_together_one_has_the_files_written,
    a_job_is_made_once_however_many_ask,
    one_that_fails_or_is_cancelled_goes_on_where_it_was,
    a_commit_that_fails_is_tried_again_when_somebody_asks,
    they_are_listed_by_model_and_status_and_forgotten_after_their_end,
);
