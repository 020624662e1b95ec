use std::time::Duration;

use contract::{Leftovers, TaskPayload, TaskStatus};
use serde_json::json;
use store::{NewTask, StoreError, TaskJob};

use crate::{TTL, World};

const PERIOD: Duration = Duration::from_hours(1);

async fn task(world: &World) -> TaskJob {
    let id = world.store.tasks.create(NewTask::soon(TaskPayload::Retention)).await.unwrap().unwrap();
    let unsent = world.store.tasks.unsent_jobs(10).await.unwrap();
    *unsent.iter().find(|job| job.id == id).unwrap()
}

async fn a_task_is_leased_by_one_and_comes_with_what_it_asks_for(world: World) {
    let tasks = &world.store.tasks;
    let left = Leftovers { versions: vec![("titanic".parse().unwrap(), 3)], ..Leftovers::default() };
    let id = tasks.create(NewTask::soon(TaskPayload::RemoveFiles(left.clone()))).await.unwrap().unwrap();
    let lease = tasks.lease(id, "a", TTL).await.unwrap().unwrap();
    assert_eq!((&lease.payload, lease.attempt), (&TaskPayload::RemoveFiles(left), 1));
    assert_eq!(tasks.lease(id, "b", TTL).await.unwrap(), None);
    tasks.renew(&lease, TTL, Some(&json!({"done": 1}))).await.unwrap();
    let listed = tasks.list(10).await.unwrap();
    assert_eq!((listed[0].owner.as_deref(), listed[0].progress.clone()), (Some("a"), Some(json!({"done": 1}))));
    tasks.finish(&lease, &json!({"removed": 2})).await.unwrap();
    assert!(matches!(tasks.renew(&lease, TTL, None).await, Err(StoreError::Fenced)));
    assert_eq!(tasks.lease(id, "b", TTL).await.unwrap(), None);
    let listed = tasks.list(10).await.unwrap();
    assert_eq!((listed[0].status, listed[0].outcome.clone()), (TaskStatus::Succeeded, Some(json!({"removed": 2}))));
}

async fn a_worker_that_lost_its_lease_can_write_nothing(world: World) {
    let (tasks, job) = (&world.store.tasks, task(&world).await);
    let lost = tasks.lease(job.id, "a", Duration::ZERO).await.unwrap().unwrap();
    let lease = tasks.lease(job.id, "b", TTL).await.unwrap().unwrap();
    assert_eq!(lease.attempt, 2);
    assert!(matches!(tasks.renew(&lost, TTL, None).await, Err(StoreError::Fenced)));
    assert!(matches!(tasks.finish(&lost, &json!(1)).await, Err(StoreError::Fenced)));
    assert!(matches!(tasks.retry(&lost, "x", TTL).await, Err(StoreError::Fenced)));
    assert!(matches!(tasks.fail(&lost, "x").await, Err(StoreError::Fenced)));
    assert!(matches!(tasks.release(&lost).await, Err(StoreError::Fenced)));
    tasks.finish(&lease, &json!(2)).await.unwrap();
}

async fn of_tasks_with_one_key_one_is_unfinished_however_many_ask(world: World) {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = world.store.clone();
        asking.spawn(async move { store.tasks.plan(TaskPayload::Retention, "retention", PERIOD).await.unwrap() });
    }
    let made: Vec<_> = asking.join_all().await.into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    let tasks = &world.store.tasks;
    assert_eq!(tasks.lease(made[0], "a", TTL).await.unwrap(), None, "its time has not come");
    assert_eq!(tasks.unsent_jobs(10).await.unwrap(), []);
    let planned = &tasks.list(10).await.unwrap()[0];
    assert_eq!(planned.run_at.as_millisecond() % 3_600_000, 0);
    assert!(planned.run_at > planned.created_at);

    world.tamper("UPDATE tasks SET run_at = run_at - 3600000").await;
    let lease = tasks.lease(made[0], "a", TTL).await.unwrap().unwrap();
    assert_eq!(tasks.plan(TaskPayload::Retention, "retention", PERIOD).await.unwrap(), None, "it runs");
    tasks.finish(&lease, &json!({})).await.unwrap();
    assert!(tasks.plan(TaskPayload::Retention, "retention", PERIOD).await.unwrap().is_some());
    assert!(tasks.plan(TaskPayload::Retention, "other", PERIOD).await.unwrap().is_some());
}

async fn a_job_is_to_be_sent_while_its_task_is_due_and_in_nobodys_hands(world: World) {
    let (tasks, job) = (&world.store.tasks, task(&world).await);
    tasks.mark_sent(&[job]).await.unwrap();
    assert_eq!(tasks.unsent_jobs(10).await.unwrap(), []);
    assert_eq!(tasks.due(false).await.unwrap(), 1);
    tasks.resend_all().await.unwrap();
    assert_eq!(tasks.unsent_jobs(10).await.unwrap(), [job]);

    let lease = tasks.lease(job.id, "a", TTL).await.unwrap().unwrap();
    assert_eq!((tasks.unsent_jobs(10).await.unwrap(), tasks.due(false).await.unwrap()), (vec![], 0));
    tasks.release(&lease).await.unwrap();
    // The dispatcher is late: what it notes is of the lease before.
    tasks.mark_sent(&[job]).await.unwrap();
    let again = tasks.unsent_jobs(10).await.unwrap();
    assert_eq!(again.len(), 1);
    let lease = tasks.lease(job.id, "a", Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(lease.attempt, 1, "what was given back does not count");
    assert_eq!(tasks.unsent_jobs(10).await.unwrap().len(), 1, "its worker was lost");
    let lease = tasks.lease(job.id, "b", TTL).await.unwrap().unwrap();
    tasks.retry(&lease, "no luck", TTL).await.unwrap();
    assert_eq!(tasks.unsent_jobs(10).await.unwrap(), [], "not yet");
    assert_eq!(tasks.lease(job.id, "b", TTL).await.unwrap(), None, "not yet");
    assert_eq!(tasks.list(1).await.unwrap()[0].error.as_deref(), Some("no luck"));
    world.tamper("UPDATE tasks SET run_at = 0").await;
    assert_eq!(tasks.unsent_jobs(10).await.unwrap().len(), 1);
}

async fn a_task_that_waits_is_cancelled_at_once_and_one_that_runs_by_its_worker(world: World) {
    let (tasks, waiting, running) = (&world.store.tasks, task(&world).await, task(&world).await);
    assert_eq!(tasks.request_cancel(waiting.id).await.unwrap(), TaskStatus::Cancelled);
    assert!(matches!(tasks.request_cancel(waiting.id).await, Err(StoreError::Conflict)));
    assert_eq!(tasks.lease(waiting.id, "a", TTL).await.unwrap(), None);
    let lease = tasks.lease(running.id, "a", TTL).await.unwrap().unwrap();
    assert!(!tasks.renew(&lease, TTL, None).await.unwrap().cancel_requested);
    assert_eq!(tasks.request_cancel(running.id).await.unwrap(), TaskStatus::Running);
    assert!(tasks.renew(&lease, TTL, None).await.unwrap().cancel_requested);
    tasks.cancelled(&lease).await.unwrap();
    assert!(tasks.list(10).await.unwrap().iter().all(|task| task.status == TaskStatus::Cancelled));
}

async fn a_task_of_a_kind_that_is_not_known_here_waits_for_who_knows_it(world: World) {
    let (tasks, job) = (&world.store.tasks, task(&world).await);
    world.tamper("UPDATE tasks SET kind = 'of tomorrow', payload = '{\"new\": 1}'").await;
    assert_eq!(tasks.lease(job.id, "a", TTL).await.unwrap(), None);
    assert_eq!(tasks.list(10).await.unwrap()[0].kind, "of tomorrow");
    assert_eq!(tasks.list(10).await.unwrap()[0].status, TaskStatus::Queued);
}

async fn what_a_dead_process_held_can_be_begun_at_once(world: World) {
    let (tasks, job) = (&world.store.tasks, task(&world).await);
    tasks.mark_sent(&[job]).await.unwrap();
    let dead = tasks.lease(job.id, "dead", TTL).await.unwrap().unwrap();
    tasks.release_all_leases().await.unwrap();
    assert_eq!(tasks.unsent_jobs(10).await.unwrap().len(), 1);
    assert!(matches!(tasks.renew(&dead, TTL, None).await, Err(StoreError::Fenced)));
    assert_eq!(tasks.lease(job.id, "next", TTL).await.unwrap().unwrap().attempt, 2, "it may be what killed it");
}

on_both![
    a_task_is_leased_by_one_and_comes_with_what_it_asks_for,
    a_worker_that_lost_its_lease_can_write_nothing,
    of_tasks_with_one_key_one_is_unfinished_however_many_ask,
    a_job_is_to_be_sent_while_its_task_is_due_and_in_nobodys_hands,
    a_task_that_waits_is_cancelled_at_once_and_one_that_runs_by_its_worker,
    a_task_of_a_kind_that_is_not_known_here_waits_for_who_knows_it,
    what_a_dead_process_held_can_be_begun_at_once,
];
