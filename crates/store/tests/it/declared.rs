//! Schedules that the files of a repository declare.

use contract::{CommitSha, DataAccess, DataGrant, Misfire, Overlap, RepoName, ScheduleKind, TaskPayload};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{
    AuditFilter, DeclaredChange, NewAuditEntry, NewSchedule, ReadFiles, RepoChange, ScheduleChange, Source, StoreError,
    TaskLease,
};

use crate::{TTL, World};

fn repo() -> RepoName {
    "octocat/titanic".parse().unwrap()
}

fn commit(digit: &str) -> CommitSha {
    digit.repeat(40).parse().unwrap()
}

fn source(digit: &str) -> Source {
    Source { repo: repo(), path: "n/mlsys.toml".to_owned(), commit: commit(digit) }
}

fn new<'a>(name: &'a str, work: &'a Value, source: Option<&'a Source>) -> NewSchedule<'a> {
    NewSchedule {
        name,
        kind: ScheduleKind::Retraining,
        work,
        model_name: None,
        repo: None,
        cron: "@daily",
        time_zone: "UTC",
        overlap: Overlap::Skip,
        misfire: Misfire::Once,
        next: Some(Timestamp::UNIX_EPOCH),
        created_by: "octocat/titanic@1111111",
        source,
    }
}

/// The lease of the task that reads the repository's files, which is due.
async fn lease(world: &World) -> Option<TaskLease> {
    for job in world.store.tasks.unsent_jobs(100).await.unwrap() {
        if let Some(lease) = world.store.tasks.lease(job.id, "a", TTL).await.unwrap() {
            if lease.payload == TaskPayload::Declared(repo()) {
                return Some(lease);
            }
            world.store.tasks.release(&lease).await.unwrap();
        }
    }
    None
}

async fn files_are_applied_whole_or_not_at_all_by_who_holds_the_lease(world: World) {
    let schedules = &world.store.schedules;
    let (repo, first, second) = (repo(), commit("1"), commit("2"));
    let id = world.store.intake.add_repo(&repo, "main", "**").await.unwrap().id;
    schedules.declare(&repo, "main", &first).await.unwrap();
    schedules.declare(&repo, "main", &second).await.unwrap();
    let found = schedules.declaration(&repo).await.unwrap().unwrap();
    assert_eq!((found.pushed, found.read_at), (Some(("main".to_owned(), second.clone())), None));
    assert_eq!(world.count("SELECT COUNT(*) FROM tasks").await, 1, "one reads what all of them brought");
    let lost = lease(&world).await.unwrap();
    world.tamper("UPDATE tasks SET lease_expires_at = 0").await;
    let held = lease(&world).await.unwrap();

    let (work, report, from) = (json!({ "a": 1 }), json!({ "changes": [] }), source("2"));
    let files = ReadFiles { repo: &repo, branch: Some("main"), commit: Some(&second) };
    let create =
        [DeclaredChange::Create(new("one", &work, Some(&from))), DeclaredChange::Create(new("two", &work, Some(&from)))];
    let entry = || vec![NewAuditEntry { actor_kind: "push", object: "schedule one".to_owned(), ..NewAuditEntry::default() }];
    assert!(matches!(schedules.apply(&lost, files, &create, &report, entry()).await, Err(StoreError::Fenced)));
    schedules.create(new("two", &work, None)).await.unwrap();
    assert!(
        matches!(schedules.apply(&held, files, &create, &report, entry()).await, Err(StoreError::Conflict)),
        "a name is taken"
    );
    assert_eq!(schedules.declared(&repo).await.unwrap(), []);
    assert_eq!(schedules.declaration(&repo).await.unwrap().unwrap().report, None);
    assert_eq!(world.count("SELECT COUNT(*) FROM audit").await, 0);
    schedules.apply(&held, files, &create[..1], &report, entry()).await.unwrap();
    let made = schedules.declared(&repo).await.unwrap();
    assert_eq!((made.len(), &made[0].source, &*made[0].name), (1, &Some(from.clone()), "one"));
    assert_eq!(schedules.of_name("one").await.unwrap().as_ref(), Some(&made[0]));
    assert_eq!(schedules.of_name("two").await.unwrap().unwrap().source, None);
    let read = schedules.declaration(&repo).await.unwrap().unwrap();
    assert_eq!(
        (read.branch.as_deref(), read.commit, read.report),
        (Some("main"), Some(second.clone()), Some(report.clone()))
    );
    assert_eq!(world.store.access.audit(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap().0.len(), 1);

    // Changed, and in one go another of the name of one that goes; but not where it was changed meanwhile.
    let later = Source { path: "mlsys.toml".to_owned(), ..source("3") };
    let change = || ScheduleChange {
        work: &work,
        cron: "@weekly",
        time_zone: "UTC",
        overlap: Overlap::Queue,
        misfire: Misfire::Skip,
        next: Some(None),
        source: Some(&later),
    };
    schedules.apply(&held, files, &[DeclaredChange::Change(&made[0], change())], &report, vec![]).await.unwrap();
    let changed = schedules.declared(&repo).await.unwrap().remove(0);
    assert_eq!(
        (&*changed.cron, changed.next, &changed.source, changed.id),
        ("@weekly", None, &Some(later.clone()), made[0].id)
    );
    let stale = schedules.apply(&held, files, &[DeclaredChange::Change(&made[0], change())], &report, vec![]).await;
    assert!(matches!(stale, Err(StoreError::Conflict)));
    schedules.run_now(changed.id).await.unwrap();
    let anew = [DeclaredChange::Create(new("one", &work, Some(&later))), DeclaredChange::Remove(&changed)];
    schedules.apply(&held, files, &anew, &report, vec![]).await.unwrap();
    let anew = schedules.declared(&repo).await.unwrap();
    assert_eq!((anew.len(), anew[0].id == changed.id), (1, false));
    assert_eq!(world.count("SELECT COUNT(*) FROM firings").await, 0, "what fired was of the other one");
    // By hand it keeps where it comes from.
    let by_hand = ScheduleChange { source: None, ..change() };
    let kept = schedules.change(&anew[0], by_hand).await.unwrap();
    assert_eq!(kept.source, Some(later));
    // What a repository declared goes with it, and so does what was written down of that.
    world.store.intake.delete_repo(id).await.unwrap();
    assert_eq!(schedules.declaration(&repo).await.unwrap(), None);
    let gone = ReadFiles { branch: None, commit: None, ..files };
    schedules.apply(&held, gone, &[DeclaredChange::Remove(&kept)], &report, vec![]).await.unwrap();
    assert_eq!((schedules.declared(&repo).await.unwrap(), schedules.declaration(&repo).await.unwrap()), (vec![], None));
}

async fn files_are_read_again_when_the_repository_comes_changes_and_goes(world: World) {
    let intake = &world.store.intake;
    let again = async || {
        let lease = lease(&world).await;
        if let Some(lease) = &lease {
            world.store.tasks.finish(lease, &json!({})).await.unwrap();
        }
        lease.is_some()
    };
    intake.add_repo(&"local/titanic".parse().unwrap(), "main", "**").await.unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM tasks").await, 0, "its first push brings what there is");
    let made = intake.add_repo(&repo(), "main", "**").await.unwrap();
    assert!(again().await);
    intake.update_repo(made.id, RepoChange { cpu: Some(Some("2")), ..RepoChange::default() }).await.unwrap();
    assert!(!again().await, "that is nothing to its files");
    let data = DataGrant { place: "local.a".parse().unwrap(), access: DataAccess::Write };
    intake.allow_data(&repo(), &data, "ann").await.unwrap();
    assert!(again().await, "its files may be about tables that they might not");
    intake.update_repo(made.id, RepoChange { branch: Some("dev"), ..RepoChange::default() }).await.unwrap();
    assert!(again().await);
    intake.forbid_data(&repo(), &data.place).await.unwrap();
    assert!(again().await);
    intake.delete_repo(made.id).await.unwrap();
    assert!(again().await);
    assert!(matches!(intake.delete_repo(made.id).await, Err(StoreError::NotFound)));
    assert!(!again().await);
}

on_both![
    files_are_applied_whole_or_not_at_all_by_who_holds_the_lease,
    files_are_read_again_when_the_repository_comes_changes_and_goes,
];
