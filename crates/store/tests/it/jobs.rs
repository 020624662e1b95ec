use std::time::Duration;

use contract::PipelineStatus;

use crate::{TTL, World};

async fn a_job_is_due_until_it_is_sent_and_again_when_its_worker_is_lost(world: World) {
    let (store, id) = (&world.store, world.pipeline().await);
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [id]);
    store.pipelines.mark_sent(&[id]).await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), []);

    let lease = store.pipelines.take_lease(id, "w", TTL).await.unwrap().unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), []);
    store.pipelines.renew_lease(&lease, Duration::ZERO).await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [id]);
    tokio::time::sleep(Duration::from_millis(2)).await;
    store.pipelines.mark_sent(&[id]).await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), []);
    let lease = store.pipelines.take_lease(id, "next", Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [id], "lost again");
    store.pipelines.renew_lease(&lease, TTL).await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), []);
}

async fn hundreds_of_jobs_are_marked_at_once_and_those_that_are_not_sent_stay(world: World) {
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(world.pipeline().await);
    }
    assert_eq!(world.store.pipelines.unsent_jobs(1000).await.unwrap(), ids);
    assert_eq!(world.store.pipelines.unsent_jobs(7).await.unwrap(), ids[..7]);
    world.store.pipelines.mark_sent(&ids[..299]).await.unwrap();
    world.store.pipelines.mark_sent(&[]).await.unwrap();
    assert_eq!(world.store.pipelines.unsent_jobs(1000).await.unwrap(), ids[299..]);
}

async fn a_pipeline_that_waited_for_another_to_end_is_sent_again(world: World) {
    let store = &world.store;
    let (first, second) = (world.by_hand("a.ipynb").await, world.by_hand("a.ipynb").await);
    store.pipelines.mark_sent(&[first, second]).await.unwrap();
    let lease = store.pipelines.take_next("w", TTL).await.unwrap().unwrap();
    assert_eq!(lease.pipeline_id, first);
    // Its job comes too early.
    assert_eq!(store.pipelines.take_next("x", TTL).await.unwrap(), None);
    assert_eq!(store.pipelines.takeable().await.unwrap(), 0);
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, false, None).await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [second]);
    assert_eq!(store.pipelines.takeable().await.unwrap(), 1);
    assert_eq!(store.pipelines.take_next("x", TTL).await.unwrap().unwrap().pipeline_id, second);
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), []);
}

async fn all_that_nobody_holds_is_sent_again_after_a_loss_of_the_queue(world: World) {
    let store = &world.store;
    let held = world.leased().await;
    let lost = world.leased().await;
    let (queued, cancelled) = (world.pipeline().await, world.pipeline().await);
    store.pipelines.renew_lease(&lost, Duration::ZERO).await.unwrap();
    store.pipelines.mark_sent(&[held.pipeline_id, lost.pipeline_id, queued, cancelled]).await.unwrap();
    store.pipelines.request_cancel(cancelled).await.unwrap();
    store.pipelines.resend_all().await.unwrap();
    store.pipelines.resend_all().await.unwrap();
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [lost.pipeline_id, queued]);
    assert_eq!(store.pipelines.takeable().await.unwrap(), 2);
}

on_both![
    a_job_is_due_until_it_is_sent_and_again_when_its_worker_is_lost,
    hundreds_of_jobs_are_marked_at_once_and_those_that_are_not_sent_stay,
    a_pipeline_that_waited_for_another_to_end_is_sent_again,
    all_that_nobody_holds_is_sent_again_after_a_loss_of_the_queue,
];
