use std::{collections::BTreeMap, time::Duration};

use contract::{Environment, Flavour, ModelName};
use futures_util::future::join_all;
use store::{
    Cause, Change, DeployedVersion, Deployment, DeploymentLock, Lease, Locked, ModelFilter, NewDeployment, NewVersion,
    Pushed, Store, StoreError,
};

use crate::{TTL, World};

const OVER: Duration = Duration::ZERO;

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

fn environment(name: &str) -> Environment {
    name.parse().unwrap()
}

/// A push's deployment to dev, under a lock of its own.
async fn push(store: &Store, lease: &Lease, version: u64) -> Pushed {
    let new = NewDeployment {
        version,
        uri: format!("file:///dev/v{version}"),
        sha256: format!("{version:064}"),
        metrics: BTreeMap::from([("accuracy".to_owned(), Some(0.8))]),
    };
    crate::push(store, lease, (&model(), &Environment::dev()), new).await
}

/// Deploys versions 1, 2, … to dev, each by a push of its own, and answers the pushes.
async fn pushes(world: &World, count: u64) -> Vec<Lease> {
    let mut leases = Vec::new();
    for version in 1..=count {
        let lease = world.leased().await;
        let new = NewVersion {
            model: model(),
            version,
            flavour: Flavour::Onnx,
            uri: format!("file:///dev/v{version}"),
            sha256: format!("{version:064}"),
        };
        world.store.serving.record_version(&lease, new).await.unwrap();
        push(&world.store, &lease, version).await;
        leases.push(lease);
    }
    leases
}

/// What a push deployed to dev, as it lies in staging's bucket.
fn copied(lease: &Lease, version: u64) -> Deployment {
    Deployment {
        model: model(),
        environment: Environment::dev(),
        version,
        pipeline_id: lease.pipeline_id,
        uri: format!("file:///staging/v{version}"),
        sha256: format!("{version:064}"),
        metrics: BTreeMap::new(),
        deployed_at: jiff::Timestamp::UNIX_EPOCH,
        generation: 0,
    }
}

async fn lock(store: &Store, name: &str) -> DeploymentLock {
    match store.serving.lock(&model(), &environment(name), TTL).await.unwrap() {
        Locked::Free(lock) => lock,
        other => panic!("{other:?}"),
    }
}

async fn promote(store: &Store, lock: &DeploymentLock, lease: &Lease, version: u64) -> Change {
    store.serving.promote(lock, copied(lease, version)).await.unwrap().expect("it is not there yet")
}

/// Rolls the locked environment back to what it names.
async fn roll_back(store: &Store, lock: &DeploymentLock) -> Option<Change> {
    let target = store.serving.rollback_target(&model(), &lock.environment).await.unwrap()?;
    store.serving.roll_back(lock, &target).await.unwrap()
}

/// The version in an environment, and the one a rollback would put there.
async fn deployed(store: &Store, name: &str) -> Option<(u64, Option<u64>)> {
    let (_, versions) = store.serving.model(&model()).await.unwrap().expect("a model");
    let found: Option<DeployedVersion> = versions.into_iter().find(|deployed| deployed.environment == environment(name));
    found.map(|found| (found.version, found.rollback_to))
}

/// All deployments there were, the newest first: environment, version, cause, whether it is one still.
async fn history(store: &Store) -> Vec<(String, u64, Cause, bool)> {
    let (events, next) = store.serving.deployment_events(&model(), None, 100).await.unwrap();
    assert_eq!(next, None);
    let event = |event: store::DeploymentEvent| {
        (event.environment.to_string(), event.version, event.cause, event.ended_at.is_none())
    };
    events.into_iter().map(event).collect()
}

async fn of_many_who_want_a_lock_one_gets_it(world: World) {
    let locks = (0..16).map(|_| {
        let store = world.store.clone();
        tokio::spawn(async move { store.serving.lock(&model(), &environment("prod"), TTL).await.unwrap() })
    });
    let got = join_all(locks).await.into_iter().filter_map(|locked| match locked.unwrap() {
        Locked::Free(lock) => Some(lock),
        Locked::Held | Locked::Unfinished(..) => None,
    });
    let got: Vec<DeploymentLock> = got.collect();
    assert_eq!(got.len(), 1);
    lock(&world.store, "staging").await;
    let other = world.store.serving.lock(&"iris".parse().unwrap(), &environment("prod"), TTL).await.unwrap();
    assert!(matches!(other, Locked::Free(_)), "another model's changes don't wait: {other:?}");
    world.store.serving.unlock(&got[0]).await.unwrap();
    lock(&world.store, "prod").await;
}

async fn a_lock_that_ran_out_is_free_and_its_holder_can_change_nothing(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 1).await;
    let Locked::Free(late) = store.serving.lock(&model(), &environment("staging"), OVER).await.unwrap() else { panic!() };
    everything_bounces(store, &late, &leases[0]).await;
    let next = lock(store, "staging").await;
    everything_bounces(store, &late, &leases[0]).await;
    store.serving.renew_lock(&next, TTL).await.unwrap();
    promote(store, &next, &leases[0], 1).await;
    assert_eq!(store.serving.take_unfinished(TTL).await.unwrap(), None, "it is in hand");
}

async fn a_push_takes_its_lock_over_from_its_pipelines_lost_worker_and_from_nobody_else(world: World) {
    let store = &world.store;
    let (lost, dev) = (world.leased().await, Environment::dev());
    let locked = store.serving.lock_for_push(&lost, &model(), &dev, TTL).await.unwrap();
    let Locked::Free(dead) = locked else { panic!("{locked:?}") };
    let new =
        NewDeployment { version: 1, uri: "file:///dev/v1".to_owned(), sha256: "1".repeat(64), metrics: BTreeMap::new() };
    let Pushed::Current(made) = store.serving.push(&dead, &lost, new.clone()).await.unwrap() else { panic!() };
    let other = world.leased().await;
    assert_eq!(store.serving.lock_for_push(&other, &model(), &dev, TTL).await.unwrap(), Locked::Held);

    let next = store.pipelines.take_from(lost.pipeline_id, "worker-a", "next", TTL).await.unwrap().unwrap();
    assert!(matches!(store.serving.lock_for_push(&lost, &model(), &dev, TTL).await, Err(StoreError::Fenced)));
    let locked = store.serving.lock_for_push(&next, &model(), &dev, TTL).await.unwrap();
    let Locked::Unfinished(lock, unfinished) = locked else { panic!("{locked:?}") };
    assert_eq!(unfinished, made);
    assert!(matches!(store.serving.push(&dead, &next, new.clone()).await, Err(StoreError::Fenced)), "the old lock");
    assert!(matches!(store.serving.push(&lock, &lost, new.clone()).await, Err(StoreError::Fenced)), "the old lease");
    let Pushed::Current(again) = store.serving.push(&lock, &next, new).await.unwrap() else { panic!() };
    assert_eq!(again, made, "the same version of the same pipeline is the same deployment");
    assert!(store.serving.undo(&lock, &again.deployment).await.unwrap());
    assert_eq!(store.serving.deployment(&model(), &dev).await.unwrap(), None);
}

async fn everything_bounces(store: &Store, lock: &DeploymentLock, lease: &Lease) {
    let deployment = copied(lease, 1);
    let failures = [
        store.serving.renew_lock(lock, TTL).await.err(),
        store.serving.promote(lock, deployment.clone()).await.err(),
        store.serving.roll_back(lock, &deployment).await.err(),
        store.serving.undo(lock, &deployment).await.err(),
        store.serving.unlock(lock).await.err(),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        assert!(matches!(failure, Some(StoreError::Fenced)), "write {number}: {failure:?}");
    }
    assert_eq!(deployed(store, "staging").await, None);
}

async fn rollbacks_go_further_and_further_back(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 3).await;
    let lock = lock(store, "staging").await;
    for (lease, version) in leases.iter().zip(1..) {
        let change = promote(store, &lock, lease, version).await;
        assert_eq!(
            change.previous.map(|previous| previous.version),
            version.checked_sub(1).filter(|previous| *previous > 0)
        );
        assert_eq!(change.deployment.uri, format!("file:///staging/v{version}"));
    }
    assert_eq!(store.serving.promote(&lock, copied(&leases[2], 3)).await.unwrap(), None, "it is there already");
    assert_eq!(deployed(store, "staging").await, Some((3, Some(2))));
    let stale = store.serving.rollback_target(&model(), &lock.environment).await.unwrap().unwrap();
    let change = roll_back(store, &lock).await.unwrap();
    assert_eq!((change.deployment.version, change.previous.unwrap().version), (2, 3));
    assert_eq!(store.serving.roll_back(&lock, &stale).await.unwrap(), None, "somebody was faster");
    assert_eq!(deployed(store, "staging").await, Some((2, Some(1))));
    assert_eq!(roll_back(store, &lock).await.unwrap().deployment.version, 1);
    assert_eq!(deployed(store, "staging").await, Some((1, None)));
    assert_eq!(roll_back(store, &lock).await, None, "nothing is further back");
    assert_eq!(deployed(store, "dev").await, Some((3, Some(2))), "other environments stay as they are");

    let staging = |version, cause, current| ("staging".to_owned(), version, cause, current);
    let promoted = |version| staging(version, Cause::Promotion, false);
    let expected = [
        staging(1, Cause::Rollback, true),
        staging(2, Cause::Rollback, false),
        promoted(3),
        promoted(2),
        promoted(1),
        ("dev".to_owned(), 3, Cause::Push, true),
    ];
    assert_eq!(history(store).await[..6], expected);
}

async fn a_change_that_is_undone_leaves_what_was_there_before(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 2).await;
    let lock = lock(store, "staging").await;
    let first = promote(store, &lock, &leases[0], 1).await.deployment;
    assert!(store.serving.undo(&lock, &first).await.unwrap());
    assert_eq!(deployed(store, "staging").await, None);
    assert!(!store.serving.undo(&lock, &first).await.unwrap(), "it is over");

    promote(store, &lock, &leases[0], 1).await;
    let second = promote(store, &lock, &leases[1], 2).await.deployment;
    assert!(store.serving.undo(&lock, &second).await.unwrap());
    assert_eq!(deployed(store, "staging").await, Some((1, None)));
    promote(store, &lock, &leases[1], 2).await;
    let back = roll_back(store, &lock).await.unwrap().deployment;
    assert_eq!(deployed(store, "staging").await, Some((1, None)));
    assert!(store.serving.undo(&lock, &back).await.unwrap());
    assert_eq!(deployed(store, "staging").await, Some((2, Some(1))), "as before the rollback");
    let causes: Vec<Cause> = history(store).await.into_iter().take(3).map(|(_, _, cause, _)| cause).collect();
    assert_eq!(causes, [Cause::Revert, Cause::Rollback, Cause::Promotion]);
    let current = store.serving.deployment(&model(), &lock.environment).await.unwrap().unwrap();
    assert_eq!(store.serving.desired().await.unwrap().0, current.generation, "every change has a greater number");
}

async fn a_change_that_was_cut_off_is_taken_over_by_one_before_anything_else_changes(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 1).await;
    let dead = lock(store, "staging").await;
    let made = promote(store, &dead, &leases[0], 1).await;
    let before = lock(store, "prod").await;
    store.serving.expire_locks().await.unwrap();
    lock(store, "prod").await;
    assert!(matches!(store.serving.renew_lock(&before, TTL).await, Err(StoreError::Fenced)));

    let takers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.serving.take_unfinished(TTL).await.unwrap() })
    });
    let mut taken: Vec<_> = join_all(takers).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken.len(), 1);
    let (next, change) = taken.remove(0);
    assert_eq!(change, made);
    assert!(matches!(store.serving.undo(&dead, &change.deployment).await, Err(StoreError::Fenced)));
    assert!(store.serving.undo(&next, &change.deployment).await.unwrap());
    store.serving.unlock(&next).await.unwrap();
    assert_eq!(deployed(store, "staging").await, None);
    lock(store, "staging").await;
}

async fn a_rollback_of_dev_stands_until_a_newer_push(world: World) {
    let store = &world.store;
    let first = pushes(&world, 1).await.remove(0);
    let slow = world.leased().await;
    let second = world.leased().await;
    push(store, &second, 2).await;
    let lock = lock(store, "dev").await;
    let change = roll_back(store, &lock).await.unwrap();
    store.serving.unlock(&lock).await.unwrap();
    assert_eq!(change.deployment.pipeline_id, first.pipeline_id);
    assert_eq!(push(store, &second, 2).await, Pushed::RolledBack, "its worker may still be at it");
    assert_eq!(push(store, &slow, 3).await, Pushed::RolledBack, "an older push than the one rolled back");
    assert_eq!(deployed(store, "dev").await, Some((1, None)));

    let newest = world.leased().await;
    let Pushed::Current(pushed) = push(store, &newest, 4).await else { panic!("it is newer") };
    assert_eq!(deployed(store, "dev").await, Some((4, Some(1))));
    let lock = crate::changes::lock(store, "dev").await;
    assert!(!store.serving.undo(&lock, &change.deployment).await.unwrap(), "a push came between");
    assert!(store.serving.undo(&lock, &pushed.deployment).await.unwrap());
    assert_eq!(deployed(store, "dev").await, Some((1, None)), "an undone push keeps what is further back");
}

async fn lists_go_on_page_by_page(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 3).await;
    for name in ["aardvark", "zebra"] {
        let new = NewVersion {
            model: name.parse().unwrap(),
            version: 1,
            flavour: Flavour::Python,
            uri: "file:///v1".to_owned(),
            sha256: "0".to_owned(),
        };
        store.serving.record_version(&leases[0], new).await.unwrap();
    }
    let (models, next) = store.serving.models(&ModelFilter { limit: 2, ..ModelFilter::default() }).await.unwrap();
    assert_eq!(models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["aardvark", "titanic"]);
    let (models, end) =
        store.serving.models(&ModelFilter { limit: 2, order: next.unwrap(), ..ModelFilter::default() }).await.unwrap();
    assert_eq!((models[0].name.as_str(), models.len(), end), ("zebra", 1, None));

    let (versions, next) = store.serving.model_versions(&model(), None, 2).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [3, 2]);
    let (versions, end) = store.serving.model_versions(&model(), next, 2).await.unwrap();
    assert_eq!((versions[0].version, versions.len(), end), (1, 1, None));
    assert_eq!(store.serving.model_version(&model(), 2).await.unwrap().map(|version| version.version), Some(2));
    assert_eq!(store.serving.model_version(&model(), 4).await.unwrap(), None);
    assert_eq!(store.serving.model_version(&model(), u64::MAX).await.unwrap(), None);

    let (events, next) = store.serving.deployment_events(&model(), None, 2).await.unwrap();
    assert_eq!(events.iter().map(|event| event.version).collect::<Vec<_>>(), [3, 2]);
    let (events, end) = store.serving.deployment_events(&model(), next, 2).await.unwrap();
    assert_eq!((events[0].version, events.len(), end), (1, 1, None));
    assert_eq!(store.serving.model(&"nothing".parse().unwrap()).await.unwrap(), None);
}

on_both![
    of_many_who_want_a_lock_one_gets_it,
    a_push_takes_its_lock_over_from_its_pipelines_lost_worker_and_from_nobody_else,
    a_lock_that_ran_out_is_free_and_its_holder_can_change_nothing,
    rollbacks_go_further_and_further_back,
    a_change_that_is_undone_leaves_what_was_there_before,
    a_change_that_was_cut_off_is_taken_over_by_one_before_anything_else_changes,
    a_rollback_of_dev_stands_until_a_newer_push,
    lists_go_on_page_by_page,
];
