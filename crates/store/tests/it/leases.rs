use std::{collections::BTreeMap, time::Duration};

use contract::{Flavour, Phase, PhaseStatus, PipelineStatus};
use futures_util::future::join_all;
use jiff::Timestamp;
use store::{Deployment, Description, Lease, NewVersion, StoreError};

use crate::{TTL, World};

const OVER: Duration = Duration::ZERO;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_workers_that_want_a_pipeline_one_gets_it() {
    let world = World::new().await;
    let id = world.pipeline().await;
    let takers = (0..32).map(|number| {
        let store = world.store.clone();
        tokio::spawn(async move { store.take_lease(id, &format!("w{number}"), TTL).await.unwrap() })
    });
    let leases: Vec<Lease> = join_all(takers).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(leases.len(), 1);
    assert_eq!((leases[0].token, leases[0].takeovers), (1, 0));
    assert_eq!(world.store.pipeline(id).await.unwrap().status, PipelineStatus::Running);
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_and_its_holder_can_write_nothing_any_more() {
    let world = World::new().await;
    let (store, id) = (&world.store, world.pipeline().await);
    let dead = store.take_lease(id, "dead", OVER).await.unwrap().unwrap();
    let next = store.take_lease(id, "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 1));
    assert_eq!(store.take_lease(id, "third", TTL).await.unwrap(), None);
    everything_bounces(&world, &dead).await;
    store.renew_lease(&next, TTL).await.unwrap();
}

#[tokio::test]
async fn nothing_is_written_with_a_lease_after_its_pipeline_ended() {
    let world = World::new().await;
    let lease = world.leased().await;
    world.store.finish_pipeline(&lease, PipelineStatus::Succeeded, true, None).await.unwrap();
    everything_bounces(&world, &lease).await;
    assert_eq!(world.store.take_lease(lease.pipeline_id, "late", TTL).await.unwrap(), None);
}

async fn everything_bounces(world: &World, lease: &Lease) {
    let store = &world.store;
    let before = store.pipeline(lease.pipeline_id).await.unwrap();
    let model: contract::ModelName = "titanic".parse().unwrap();
    let version = NewVersion {
        model: model.clone(),
        version: 1,
        flavour: Flavour::Onnx,
        uri: "file:///v1".to_owned(),
        sha256: "00".to_owned(),
    };
    let deployment = Deployment {
        model,
        environment: contract::Environment::dev(),
        version: 1,
        pipeline_id: lease.pipeline_id,
        uri: "file:///v1".to_owned(),
        sha256: "00".to_owned(),
        metrics: BTreeMap::new(),
        deployed_at: Timestamp::now(),
    };
    let failures = [
        store.renew_lease(lease, TTL).await.err(),
        store.release_lease(lease).await.err(),
        store.start_phase(lease, Phase::Download).await.err(),
        store.finish_phase(lease, Phase::Download, PhaseStatus::Succeeded, None, None).await.err(),
        store.describe(lease, Description::default()).await.err(),
        store.append_logs(lease, 1, &[crate::logs::line(1)]).await.err(),
        store.save_notebook(lease, b"{}").await.err(),
        store.record_version(lease, version).await.err(),
        store.record_deployment(lease, deployment).await.err(),
        store.finish_pipeline(lease, PipelineStatus::Failed, false, None).await.err(),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        assert!(matches!(failure, Some(StoreError::Fenced)), "write {number}: {failure:?}");
    }
    assert_eq!(store.pipeline(lease.pipeline_id).await.unwrap(), before);
}

#[tokio::test]
async fn a_lease_given_back_is_free_at_once_and_counts_as_no_loss() {
    let world = World::new().await;
    let lease = world.leased().await;
    world.store.mark_sent(&[lease.pipeline_id]).await.unwrap();
    world.store.release_lease(&lease).await.unwrap();
    assert_eq!(world.store.unsent_jobs(10).await.unwrap(), [lease.pipeline_id]);
    let next = world.store.take_lease(lease.pipeline_id, "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 0));
}

#[tokio::test]
async fn a_new_process_ends_the_leases_of_its_dead_predecessor() {
    let world = World::new().await;
    let lease = world.leased().await;
    let queued = world.pipeline().await;
    world.store.mark_sent(&[lease.pipeline_id, queued]).await.unwrap();
    world.store.release_all_leases().await.unwrap();
    assert_eq!(world.store.unsent_jobs(10).await.unwrap(), [lease.pipeline_id, queued]);
    let next = world.store.take_lease(lease.pipeline_id, "next", TTL).await.unwrap().unwrap();
    assert_eq!((next.token, next.takeovers), (2, 1));
}

#[tokio::test]
async fn a_worker_hears_of_a_cancel_when_it_renews_its_lease() {
    let world = World::new().await;
    let lease = world.leased().await;
    assert!(!world.store.renew_lease(&lease, TTL).await.unwrap().cancel_requested);
    assert_eq!(world.store.request_cancel(lease.pipeline_id).await.unwrap(), PipelineStatus::Running);
    assert!(world.store.renew_lease(&lease, TTL).await.unwrap().cancel_requested);
}
