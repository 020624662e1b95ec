use std::{collections::BTreeMap, time::Duration};

use contract::{Flavour, Phase, PhaseStatus, PipelineStatus};
use futures_util::future::join_all;
use store::{Description, Lease, Locked, NewDeployment, NewVersion, StoreError};

use crate::{TTL, World};

const OVER: Duration = Duration::ZERO;

async fn of_many_workers_that_want_a_pipeline_one_gets_it(world: World) {
    let id = world.pipeline().await;
    let takers = (0..32).map(|number| {
        let store = world.store.clone();
        tokio::spawn(async move { store.pipelines.take_lease(id, &format!("w{number}"), TTL).await.unwrap() })
    });
    let leases: Vec<Lease> = join_all(takers).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(leases.len(), 1);
    assert_eq!((leases[0].token, leases[0].takeovers), (1, 0));
    assert_eq!(world.store.pipelines.pipeline(id).await.unwrap().status, PipelineStatus::Running);
}

async fn a_lease_that_ran_out_is_taken_over_and_its_holder_can_write_nothing_any_more(world: World) {
    let (store, id) = (&world.store, world.pipeline().await);
    let dead = store.pipelines.take_lease(id, "dead", OVER).await.unwrap().unwrap();
    let next = store.pipelines.take_lease(id, "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 1));
    assert_eq!(store.pipelines.take_lease(id, "third", TTL).await.unwrap(), None);
    everything_bounces(&world, &dead).await;
    store.pipelines.renew_lease(&next, TTL).await.unwrap();
}

async fn nothing_is_written_with_a_lease_after_its_pipeline_ended(world: World) {
    let lease = world.leased().await;
    world.store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, true, None).await.unwrap();
    everything_bounces(&world, &lease).await;
    assert_eq!(world.store.pipelines.take_lease(lease.pipeline_id, "late", TTL).await.unwrap(), None);
}

async fn everything_bounces(world: &World, lease: &Lease) {
    let store = &world.store;
    let before = store.pipelines.pipeline(lease.pipeline_id).await.unwrap();
    let model: contract::ModelName = "titanic".parse().unwrap();
    let version = NewVersion {
        model: model.clone(),
        version: 1,
        flavour: Flavour::Onnx,
        uri: "file:///v1".to_owned(),
        sha256: "00".to_owned(),
    };
    let dev = contract::Environment::dev();
    let Locked::Free(lock) = store.serving.lock(&model, &dev, TTL).await.unwrap() else { panic!("it is free") };
    let deployment =
        NewDeployment { version: 1, uri: "file:///v1".to_owned(), sha256: "00".to_owned(), metrics: BTreeMap::new() };
    let failures = [
        store.pipelines.renew_lease(lease, TTL).await.err(),
        store.pipelines.release_lease(lease).await.err(),
        store.pipelines.start_phase(lease, Phase::Download).await.err(),
        store.pipelines.finish_phase(lease, Phase::Download, PhaseStatus::Succeeded, None, None).await.err(),
        store.pipelines.describe(lease, Description::default()).await.err(),
        store.pipelines.append_logs(lease, 1, &[crate::logs::line(1)]).await.err(),
        store.pipelines.save_notebook(lease, b"{}").await.err(),
        store.serving.record_version(lease, version).await.err(),
        store.serving.lock_for_push(lease, &model, &dev, TTL).await.err(),
        store.serving.push(&lock, lease, deployment).await.err(),
        store.pipelines.finish_pipeline(lease, PipelineStatus::Failed, false, None).await.err(),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        assert!(matches!(failure, Some(StoreError::Fenced)), "write {number}: {failure:?}");
    }
    assert_eq!(store.pipelines.pipeline(lease.pipeline_id).await.unwrap(), before);
}

async fn a_lease_given_back_is_free_at_once_and_counts_as_no_loss(world: World) {
    let lease = world.leased().await;
    world.store.pipelines.mark_sent(&[lease.pipeline_id]).await.unwrap();
    world.store.pipelines.release_lease(&lease).await.unwrap();
    assert_eq!(world.store.pipelines.unsent_jobs(10).await.unwrap(), [lease.pipeline_id]);
    let next = world.store.pipelines.take_lease(lease.pipeline_id, "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 0));
}

async fn a_new_process_ends_the_leases_of_its_dead_predecessor(world: World) {
    let lease = world.leased().await;
    let queued = world.pipeline().await;
    world.store.pipelines.mark_sent(&[lease.pipeline_id, queued]).await.unwrap();
    world.store.pipelines.release_all_leases().await.unwrap();
    assert_eq!(world.store.pipelines.unsent_jobs(10).await.unwrap(), [lease.pipeline_id, queued]);
    let next = world.store.pipelines.take_lease(lease.pipeline_id, "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 1));
}

async fn a_worker_hears_of_a_cancel_when_it_renews_its_lease(world: World) {
    let lease = world.leased().await;
    assert!(!world.store.pipelines.renew_lease(&lease, TTL).await.unwrap().cancel_requested);
    assert_eq!(world.store.pipelines.request_cancel(lease.pipeline_id).await.unwrap(), PipelineStatus::Running);
    assert!(world.store.pipelines.renew_lease(&lease, TTL).await.unwrap().cancel_requested);
}

async fn a_lease_made_over_goes_on_under_the_new_name_even_when_its_time_is_over_and_is_no_loss(world: World) {
    let (store, id) = (&world.store, world.pipeline().await);
    let worker = store.pipelines.take_lease(id, "worker", OVER).await.unwrap().unwrap();
    assert_eq!(store.pipelines.adopt_lease(id, worker.token + 1, "pod", TTL).await.unwrap(), None);
    let pod = store.pipelines.adopt_lease(id, worker.token, "pod", TTL).await.unwrap().unwrap();
    assert_eq!((pod.token, pod.takeovers, pod.owner.as_str()), (2, 0, "pod"));
    everything_bounces(&world, &worker).await;
    assert_eq!(store.pipelines.adopt_lease(id, worker.token, "second pod", TTL).await.unwrap(), None);
    store.pipelines.renew_lease(&pod, OVER).await.unwrap();

    let other = store.pipelines.take_lease(id, "other", TTL).await.unwrap().unwrap();
    assert_eq!(store.pipelines.adopt_lease(id, pod.token, "late pod", TTL).await.unwrap(), None);
    store.pipelines.release_lease(&other).await.unwrap();
    assert_eq!(store.pipelines.adopt_lease(id, other.token, "pod of one that gave up", TTL).await.unwrap(), None);
}

async fn a_lease_is_taken_at_once_from_a_holder_that_is_known_to_be_gone(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    assert_eq!(store.pipelines.take_from(lease.pipeline_id, "worker-b", "next", TTL).await.unwrap(), None);
    let next = store.pipelines.take_from(lease.pipeline_id, "worker-a", "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 1));
    assert_eq!(store.pipelines.take_from(lease.pipeline_id, "worker-a", "late", TTL).await.unwrap(), None);
    everything_bounces(&world, &lease).await;
    store.pipelines.renew_lease(&next, TTL).await.unwrap();
}

async fn of_one_notebook_on_one_branch_only_one_pipeline_can_be_taken(world: World) {
    let store = &world.store;
    let (first, second) = (world.by_hand("a.ipynb").await, world.by_hand("a.ipynb").await);
    let lease = store.pipelines.take_lease(first, "w", OVER).await.unwrap().unwrap();
    assert_eq!(store.pipelines.take_lease(second, "x", TTL).await.unwrap(), None, "though its lease ran out");
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, false, None).await.unwrap();
    assert!(store.pipelines.take_lease(second, "x", TTL).await.unwrap().is_some());
}

on_both![
    a_lease_made_over_goes_on_under_the_new_name_even_when_its_time_is_over_and_is_no_loss,
    a_lease_is_taken_at_once_from_a_holder_that_is_known_to_be_gone,
    of_one_notebook_on_one_branch_only_one_pipeline_can_be_taken,
    of_many_workers_that_want_a_pipeline_one_gets_it,
    a_lease_that_ran_out_is_taken_over_and_its_holder_can_write_nothing_any_more,
    nothing_is_written_with_a_lease_after_its_pipeline_ended,
    a_lease_given_back_is_free_at_once_and_counts_as_no_loss,
    a_new_process_ends_the_leases_of_its_dead_predecessor,
    a_worker_hears_of_a_cancel_when_it_renews_its_lease,
];
