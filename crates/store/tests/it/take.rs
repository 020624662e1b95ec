use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use contract::{PipelineId, PipelineStatus};
use store::{Lease, NewPipeline, Store};

use crate::{TTL, World, pushed};

async fn queue(store: &Store, repo: &str, notebook: &str, manual: bool, commit: u64) -> PipelineId {
    let repo = format!("octocat/{repo}").parse().unwrap();
    store.intake.create_pipeline(NewPipeline { repo, manual, ..pushed(commit, notebook) }).await.unwrap()
}

async fn take(store: &Store) -> Option<Lease> {
    store.pipelines.take_next("w", TTL).await.unwrap()
}

async fn repo_of(store: &Store, lease: &Lease) -> String {
    store.pipelines.pipeline(lease.pipeline_id).await.unwrap().repo.name().to_owned()
}

async fn sixteen_workers_take_every_pipeline_once_and_never_two_of_one_notebook_at_a_time(world: World) {
    for number in 0..300u64 {
        queue(&world.store, &format!("r{}", number % 5), &format!("{}.ipynb", number % 20 / 5), true, number).await;
    }
    let running = Arc::new(Mutex::new(HashSet::new()));
    let done = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let (store, running, done) = (world.store.clone(), running.clone(), done.clone());
            tokio::spawn(async move {
                while done.load(Ordering::SeqCst) < 300 {
                    let Some(lease) = store.pipelines.take_next(&format!("w{worker}"), TTL).await.unwrap() else {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        continue;
                    };
                    let record = store.pipelines.pipeline(lease.pipeline_id).await.unwrap();
                    let key = (record.repo, record.notebook_path);
                    assert!(running.lock().unwrap().insert(key.clone()), "two of {key:?} run");
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    running.lock().unwrap().remove(&key);
                    store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, false, None).await.unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for worker in workers {
        tokio::time::timeout(Duration::from_mins(2), worker).await.unwrap().unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), 300);
    assert_eq!(world.count("SELECT COUNT(*) FROM pipelines WHERE status = 'succeeded' AND lease_token = 1").await, 300);
}

async fn a_repository_with_two_hundred_queued_does_not_keep_the_others_waiting(world: World) {
    let store = &world.store;
    for number in 0..200 {
        queue(store, "busy", &format!("{number}.ipynb"), true, 1).await;
    }
    for repo in ["b", "c", "d", "e"] {
        for number in 0..3 {
            queue(store, repo, &format!("{number}.ipynb"), true, 1).await;
        }
    }
    let mut held = Vec::new();
    let mut by_repo: BTreeMap<String, u32> = BTreeMap::new();
    for round in 1..=3u32 {
        for _ in 0..5 {
            let lease = take(store).await.unwrap();
            *by_repo.entry(repo_of(store, &lease).await).or_default() += 1;
            held.push(lease);
        }
        assert_eq!(by_repo.values().copied().collect::<Vec<_>>(), [round; 5], "{by_repo:?}");
    }
    for lease in held {
        store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, false, None).await.unwrap();
    }
    // One worker alone: whose turn was longest ago is next.
    for repo in ["b", "c"] {
        queue(store, repo, "late.ipynb", true, 1).await;
    }
    let mut next = Vec::new();
    for _ in 0..3 {
        let lease = take(store).await.unwrap();
        next.push(repo_of(store, &lease).await);
        store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, false, None).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    next.sort();
    assert_eq!(next, ["b", "busy", "c"]);
}

async fn a_pipeline_that_lost_its_worker_comes_before_those_that_never_had_one(world: World) {
    let store = &world.store;
    let queued = queue(store, "a", "first.ipynb", true, 1).await;
    let lost = queue(store, "a", "second.ipynb", true, 1).await;
    store.pipelines.take_lease(lost, "dead", Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(store.pipelines.takeable().await.unwrap(), 2);
    let lease = take(store).await.unwrap();
    assert_eq!((lease.pipeline_id, lease.takeovers), (lost, 1));
    assert_eq!(take(store).await.unwrap().pipeline_id, queued);
    assert_eq!(take(store).await, None);
}

async fn of_pushes_accepted_at_the_same_time_the_newest_is_taken_and_the_others_are_superseded(world: World) {
    let store = &world.store;
    let mut ids = Vec::new();
    for commit in 1..=3 {
        ids.push(queue(store, "a", "model.ipynb", false, commit).await);
    }
    let by_hand = queue(store, "a", "model.ipynb", true, 9).await;
    // As if none of those who accepted them had seen the others.
    world.tamper("UPDATE pipelines SET status = 'queued', reason = NULL, finished_at = NULL").await;
    store.pipelines.resend_all().await.unwrap();
    assert_eq!(store.pipelines.takeable().await.unwrap(), 1);
    let lease = take(store).await.unwrap();
    assert_eq!(lease.pipeline_id, ids[2]);
    for id in &ids[..2] {
        let superseded = store.pipelines.pipeline(*id).await.unwrap();
        assert_eq!(superseded.status, PipelineStatus::Cancelled);
        assert_eq!(superseded.reason.as_deref(), Some("superseded by the newer push of 0000000"));
        assert!(superseded.finished_at.is_some());
    }
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [by_hand]);
    assert_eq!(take(store).await, None, "one at a time");
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Failed, false, None).await.unwrap();
    assert_eq!(take(store).await.unwrap().pipeline_id, by_hand);
}

async fn a_retry_waits_for_the_one_that_runs_and_its_job_is_sent_again(world: World) {
    let store = &world.store;
    let first = queue(store, "a", "model.ipynb", true, 1).await;
    let lease = take(store).await.unwrap();
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Failed, false, None).await.unwrap();
    let second = queue(store, "a", "model.ipynb", true, 1).await;
    store.pipelines.mark_sent(&[second]).await.unwrap();
    let running = take(store).await.unwrap();
    assert_eq!(running.pipeline_id, second);
    store.pipelines.retry(first).await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [first]);
    assert_eq!(store.pipelines.take_lease(first, "w", TTL).await.unwrap(), None);
    assert_eq!(take(store).await, None);
    store.pipelines.finish_pipeline(&running, PipelineStatus::Succeeded, false, None).await.unwrap();
    assert_eq!(take(store).await.unwrap().pipeline_id, first);
}

on_both![
    sixteen_workers_take_every_pipeline_once_and_never_two_of_one_notebook_at_a_time,
    a_repository_with_two_hundred_queued_does_not_keep_the_others_waiting,
    a_pipeline_that_lost_its_worker_comes_before_those_that_never_had_one,
    of_pushes_accepted_at_the_same_time_the_newest_is_taken_and_the_others_are_superseded,
    a_retry_waits_for_the_one_that_runs_and_its_job_is_sent_again,
];
