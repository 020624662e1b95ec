use contract::{FiringCause, FiringStatus, Misfire, Overlap, ScheduleKind, Scope, TaskPayload};
use jiff::Timestamp;
use serde_json::json;
use store::{Began, Fired, NewSchedule, Schedule, ScheduleChange, ScheduleFilter, StoreError, TaskLease};

use crate::{TTL, World};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

async fn make(world: &World, name: &str, next: Option<Timestamp>) -> Result<Schedule, StoreError> {
    let new = NewSchedule {
        name,
        kind: ScheduleKind::BatchPrediction,
        work: &json!({ "what": "ever" }),
        model_name: Some(&"titanic".parse().unwrap()),
        repo: None,
        cron: "0 * * * *",
        time_zone: "UTC",
        overlap: Overlap::Skip,
        misfire: Misfire::Once,
        next,
        created_by: "ada",
        source: None,
    };
    world.store.schedules.create(new).await
}

/// The lease of the task that looks after a schedule, which is due.
async fn lease(world: &World, schedule: &Schedule) -> TaskLease {
    for job in world.store.tasks.unsent_jobs(100).await.unwrap() {
        if let Some(lease) = world.store.tasks.lease(job.id, "a", TTL).await.unwrap() {
            if lease.payload == TaskPayload::Schedule(schedule.id) {
                return lease;
            }
            world.store.tasks.release(&lease).await.unwrap();
        }
    }
    panic!("nobody looks after {}", schedule.name);
}

fn wanted(moment: Timestamp) -> Fired {
    Fired { moment, left_out: None }
}

async fn a_moment_fires_once_whoever_sees_to_it(world: World) {
    let schedules = &world.store.schedules;
    let schedule = make(&world, "nightly", Some(at(3600))).await.unwrap();
    let lost = lease(&world, &schedule).await;
    world.tamper("UPDATE tasks SET lease_expires_at = 0").await;
    let held = lease(&world, &schedule).await;
    let fired = [Fired { moment: at(0), left_out: Some("too late".to_owned()) }, wanted(at(3600))];
    let next = Some(at(7200));
    assert!(matches!(schedules.fire(&lost, schedule.id, at(3600), &fired, next).await, Err(StoreError::Fenced)));
    assert!(schedules.fire(&held, schedule.id, at(3600), &fired, next).await.unwrap());
    // As one that died after it had noted it.
    assert!(!schedules.fire(&held, schedule.id, at(3600), &fired, next).await.unwrap());
    world.tamper("UPDATE schedules SET next_at = 3600000").await;
    assert!(schedules.fire(&held, schedule.id, at(3600), &fired, next).await.unwrap());
    let (found, more) = schedules.firings(schedule.id, None, 10).await.unwrap();
    let told: Vec<_> = found.iter().map(|firing| (firing.scheduled_for, firing.status, firing.reason.as_deref())).collect();
    assert_eq!(told, [(at(3600), FiringStatus::Waiting, None), (at(0), FiringStatus::Skipped, Some("too late"))]);
    assert!(!more);
    let found = schedules.get(schedule.id).await.unwrap().unwrap();
    assert_eq!((found.next, found.open), (next, 1));
    assert_eq!(found.last.unwrap().scheduled_for, at(0), "what waits has not come yet");
}

async fn a_firing_is_begun_and_ended_by_who_holds_the_lease(world: World) {
    let schedules = &world.store.schedules;
    let schedule = make(&world, "nightly", Some(at(3600))).await.unwrap();
    let held = lease(&world, &schedule).await;
    schedules.fire(&held, schedule.id, at(3600), &[wanted(at(3600))], Some(at(7200))).await.unwrap();
    let firing = schedules.open(schedule.id).await.unwrap().remove(0);
    schedules.note(&held, firing.id, "not yet").await.unwrap();
    let batch = contract::BatchId::generate();
    assert!(schedules.begin(&held, firing.id, Began::Batch(batch)).await.unwrap());
    assert!(!schedules.begin(&held, firing.id, Began::Here).await.unwrap(), "once");
    let running = schedules.firing(firing.id).await.unwrap().unwrap();
    assert_eq!((running.status, running.batch, running.reason), (FiringStatus::Running, Some(batch), None));
    assert!(running.started_at.is_some());
    schedules.end(&held, firing.id, FiringStatus::Failed, Some("no luck")).await.unwrap();
    schedules.end(&held, firing.id, FiringStatus::Succeeded, None).await.unwrap();
    let ended = schedules.get(schedule.id).await.unwrap().unwrap();
    assert_eq!(ended.open, 0);
    let last = ended.last.unwrap();
    assert_eq!((last.status, last.reason.as_deref()), (FiringStatus::Failed, Some("no luck")));
    assert_eq!(schedules.forget(10).await.unwrap(), 0);
    world.tamper("UPDATE firings SET finished_at = 1").await;
    assert_eq!(schedules.forget(10).await.unwrap(), 1);
}

async fn turns_are_taken_in_time_before_what_is_asked_for_the_past(world: World) {
    let schedules = &world.store.schedules;
    let schedule = make(&world, "nightly", Some(at(36_000))).await.unwrap();
    let past: Vec<_> = (0..3).map(|hour| at(hour * 3600)).collect();
    assert_eq!(schedules.back_fill(schedule.id, &past).await.unwrap(), 3);
    assert_eq!(schedules.back_fill(schedule.id, &past).await.unwrap(), 0, "they wait already");
    assert_eq!(schedules.fired(schedule.id, at(0), at(7200)).await.unwrap().len(), 2);
    let held = lease(&world, &schedule).await;
    schedules.fire(&held, schedule.id, at(36_000), &[wanted(at(36_000))], Some(at(39_600))).await.unwrap();
    let manual = schedules.run_now(schedule.id).await.unwrap();
    assert_eq!((manual.cause, manual.status), (FiringCause::Manual, FiringStatus::Waiting));
    let order: Vec<_> = schedules.open(schedule.id).await.unwrap().iter().map(|firing| firing.scheduled_for).collect();
    assert_eq!(order, [at(36_000), manual.scheduled_for, past[0], past[1], past[2]]);
    let first = schedules.open(schedule.id).await.unwrap().remove(2);
    schedules.end(&held, first.id, FiringStatus::Failed, Some("no luck")).await.unwrap();
    assert_eq!(schedules.back_fill(schedule.id, &past).await.unwrap(), 1, "what ended badly is wanted again");
    let (cancelled, running) = schedules.cancel_waiting(schedule.id).await.unwrap();
    assert_eq!((cancelled, running.len()), (5, 0));
    let (page, more) = schedules.firings(schedule.id, None, 2).await.unwrap();
    assert!(more && page.iter().all(|firing| firing.status == FiringStatus::Cancelled));
    let (rest, more) = schedules.firings(schedule.id, Some(page[1].id), 10).await.unwrap();
    assert_eq!((rest.len(), more), (3, false));
}

async fn a_schedule_is_changed_by_one_at_a_time_and_gone_when_it_is_removed(world: World) {
    let schedules = &world.store.schedules;
    let found = make(&world, "nightly", Some(at(3600))).await.unwrap();
    assert!(matches!(make(&world, "nightly", None).await, Err(StoreError::Conflict)));
    let work = json!({ "another": 1 });
    let change = |next| ScheduleChange {
        work: &work,
        cron: "5 * * * *",
        time_zone: "Europe/Berlin",
        overlap: Overlap::Queue,
        misfire: Misfire::All,
        next,
        source: None,
    };
    let changed = schedules.change(&found, change(None)).await.unwrap();
    assert_eq!((&changed.work, changed.next, changed.overlap), (&work, Some(at(3600)), Overlap::Queue));
    assert!(matches!(schedules.change(&found, change(None)).await, Err(StoreError::Conflict)), "it is another by now");
    let paused = schedules.change(&changed, change(Some(None))).await.unwrap();
    assert_eq!(paused.next, None);
    schedules.run_now(found.id).await.unwrap();
    schedules.remove(found.id).await.unwrap();
    assert!(matches!(schedules.remove(found.id).await, Err(StoreError::NotFound)));
    assert!(matches!(schedules.run_now(found.id).await, Err(StoreError::NotFound)));
    assert!(matches!(schedules.back_fill(found.id, &[at(0)]).await, Err(StoreError::NotFound)));
    assert_eq!(schedules.get(found.id).await.unwrap(), None);
    assert_eq!(world.count("SELECT COUNT(*) FROM firings").await, 0);
}

async fn lists_are_by_name_and_show_what_the_scope_has(world: World) {
    let schedules = &world.store.schedules;
    for name in ["c", "a", "b"] {
        make(&world, name, None).await.unwrap();
    }
    let repo = "octocat/titanic".parse().unwrap();
    let retraining = NewSchedule {
        name: "weekly",
        kind: ScheduleKind::Retraining,
        work: &json!({}),
        model_name: None,
        repo: Some(&repo),
        cron: "0 0 * * 1",
        time_zone: "UTC",
        overlap: Overlap::Skip,
        misfire: Misfire::Skip,
        next: None,
        created_by: "ada",
        source: None,
    };
    schedules.create(retraining.clone()).await.unwrap();
    schedules.create(NewSchedule { name: "sweep", kind: ScheduleKind::Retention, repo: None, ..retraining }).await.unwrap();
    let list = async |scope: Scope, filter: ScheduleFilter<'_>| {
        let (found, more) = schedules.list(&scope, ScheduleFilter { limit: filter.limit.max(2), ..filter }).await.unwrap();
        (found.into_iter().map(|schedule| schedule.name).collect::<Vec<_>>().join(" "), more)
    };
    let all = ScheduleFilter { limit: 10, ..ScheduleFilter::default() };
    assert_eq!(list(Scope::Everything, all).await, ("a b c sweep weekly".to_owned(), false));
    assert_eq!(list(Scope::Everything, ScheduleFilter::default()).await, ("a b".to_owned(), true));
    let rest = ScheduleFilter { after: Some("b"), ..all };
    assert_eq!(list(Scope::Everything, rest).await.0, "c sweep weekly");
    let kind = ScheduleFilter { kind: Some(ScheduleKind::Retraining), ..all };
    assert_eq!(list(Scope::Everything, kind).await.0, "weekly");
    let only = |repos: &[&str], models: &[&str]| Scope::Only {
        repos: repos.iter().map(|repo| repo.parse().unwrap()).collect(),
        models: models.iter().map(|model| model.parse().unwrap()).collect(),
    };
    assert_eq!(list(only(&["octocat/titanic"], &[]), all).await.0, "weekly");
    assert_eq!(list(only(&[], &["titanic"]), all).await.0, "a b c");
    assert_eq!(list(only(&["a/b"], &["other"]), all).await.0, "");
}

async fn who_is_woken_while_it_looks_looks_again_at_once(world: World) {
    let (schedules, tasks) = (&world.store.schedules, &world.store.tasks);
    let schedule = make(&world, "nightly", Some(at(3600))).await.unwrap();
    let held = lease(&world, &schedule).await;
    schedules.run_now(schedule.id).await.unwrap();
    tasks.again(&held, TTL).await.unwrap();
    let held = lease(&world, &schedule).await;
    tasks.again(&held, TTL).await.unwrap();
    assert_eq!(tasks.unsent_jobs(10).await.unwrap(), [], "nobody woke it");
    schedules.run_now(schedule.id).await.unwrap();
    lease(&world, &schedule).await;
}

async fn a_schedule_whose_task_is_gone_gets_another(world: World) {
    let schedule = make(&world, "nightly", Some(at(3600))).await.unwrap();
    assert_eq!(world.store.schedules.plan().await.unwrap(), 0);
    let held = lease(&world, &schedule).await;
    world.store.tasks.fail(&held, "no luck").await.unwrap();
    assert_eq!(world.store.schedules.plan().await.unwrap(), 1);
    assert_eq!(world.store.schedules.plan().await.unwrap(), 0);
    lease(&world, &schedule).await;
}

on_both![
    a_moment_fires_once_whoever_sees_to_it,
    a_firing_is_begun_and_ended_by_who_holds_the_lease,
    turns_are_taken_in_time_before_what_is_asked_for_the_past,
    a_schedule_is_changed_by_one_at_a_time_and_gone_when_it_is_removed,
    lists_are_by_name_and_show_what_the_scope_has,
    who_is_woken_while_it_looks_looks_again_at_once,
    a_schedule_whose_task_is_gone_gets_another,
];
