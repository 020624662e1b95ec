use std::{collections::BTreeMap, time::Duration};

use contract::{Environment, Flavour, ModelName};
use futures_util::future::join_all;
use store::{
    Begun, Cause, Change, Claim, Deployment, Lease, ModelFilter, NewDeployment, NewVersion, Standing, Store, StoreError,
};

use crate::{TTL, World};

const OVER: Duration = Duration::ZERO;

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

fn environment(name: &str) -> Environment {
    name.parse().unwrap()
}

async fn push(store: &Store, lease: &Lease, version: u64) -> Begun {
    let new = NewDeployment {
        model: model(),
        environment: Environment::dev(),
        version,
        uri: format!("file:///dev/v{version}"),
        sha256: format!("{version:064}"),
        metrics: BTreeMap::from([("accuracy".to_owned(), Some(0.8))]),
    };
    store.serving.begin_deployment(lease, new).await.unwrap()
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

async fn claim(store: &Store, name: &str) -> Claim {
    store.serving.claim_environment(&environment(name), TTL).await.unwrap().expect("nobody has it")
}

async fn promote(store: &Store, claim: &Claim, lease: &Lease, version: u64) -> Change {
    store.serving.promote(claim, copied(lease, version)).await.unwrap().expect("it is not there yet")
}

/// Rolls the claimed environment back to what it names.
async fn roll_back(store: &Store, claim: &Claim) -> Option<Change> {
    let target = store.serving.rollback_target(&model(), &claim.environment).await.unwrap()?;
    store.serving.roll_back(claim, &target).await.unwrap()
}

/// The version in an environment, and the one a rollback would put there.
async fn standing(store: &Store, name: &str) -> Option<(u64, Option<u64>)> {
    let (_, standing) = store.serving.model(&model()).await.unwrap().expect("a model");
    let found: Option<Standing> = standing.into_iter().find(|standing| standing.environment == environment(name));
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

async fn of_many_who_claim_an_environment_one_gets_it(world: World) {
    let claims = (0..16).map(|_| {
        let store = world.store.clone();
        tokio::spawn(async move { store.serving.claim_environment(&environment("prod"), TTL).await.unwrap() })
    });
    let claims: Vec<Claim> = join_all(claims).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(claims.len(), 1);
    claim(&world.store, "staging").await;
    world.store.serving.release_environment(&claims[0]).await.unwrap();
    claim(&world.store, "prod").await;
}

async fn a_claim_that_ran_out_is_free_and_its_holder_can_change_nothing(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 1).await;
    let late = store.serving.claim_environment(&environment("staging"), OVER).await.unwrap().unwrap();
    everything_bounces(store, &late, &leases[0]).await;
    let next = claim(store, "staging").await;
    everything_bounces(store, &late, &leases[0]).await;
    store.serving.renew_claim(&next, TTL).await.unwrap();
    promote(store, &next, &leases[0], 1).await;
    assert_eq!(store.serving.take_abandoned(TTL).await.unwrap(), None, "it is in hand");
}

async fn everything_bounces(store: &Store, claim: &Claim, lease: &Lease) {
    let deployment = copied(lease, 1);
    let failures = [
        store.serving.renew_claim(claim, TTL).await.err(),
        store.serving.promote(claim, deployment.clone()).await.err(),
        store.serving.roll_back(claim, &deployment).await.err(),
        store.serving.undo_change(claim, &deployment).await.err(),
        store.serving.release_environment(claim).await.err(),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        assert!(matches!(failure, Some(StoreError::Fenced)), "write {number}: {failure:?}");
    }
    assert_eq!(standing(store, "staging").await, None);
}

async fn rollbacks_go_further_and_further_back(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 3).await;
    let claim = claim(store, "staging").await;
    for (lease, version) in leases.iter().zip(1..) {
        let change = promote(store, &claim, lease, version).await;
        assert_eq!(change.former.map(|former| former.version), version.checked_sub(1).filter(|former| *former > 0));
        assert_eq!(change.deployment.uri, format!("file:///staging/v{version}"));
    }
    assert_eq!(store.serving.promote(&claim, copied(&leases[2], 3)).await.unwrap(), None, "it is there already");
    assert_eq!(standing(store, "staging").await, Some((3, Some(2))));
    let stale = store.serving.rollback_target(&model(), &claim.environment).await.unwrap().unwrap();
    let change = roll_back(store, &claim).await.unwrap();
    assert_eq!((change.deployment.version, change.former.unwrap().version), (2, 3));
    assert_eq!(store.serving.roll_back(&claim, &stale).await.unwrap(), None, "somebody was faster");
    assert_eq!(standing(store, "staging").await, Some((2, Some(1))));
    assert_eq!(roll_back(store, &claim).await.unwrap().deployment.version, 1);
    assert_eq!(standing(store, "staging").await, Some((1, None)));
    assert_eq!(roll_back(store, &claim).await, None, "nothing is further back");
    assert_eq!(standing(store, "dev").await, Some((3, Some(2))), "other environments stay as they are");

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
    let claim = claim(store, "staging").await;
    let first = promote(store, &claim, &leases[0], 1).await.deployment;
    assert!(store.serving.undo_change(&claim, &first).await.unwrap());
    assert_eq!(standing(store, "staging").await, None);
    assert!(!store.serving.undo_change(&claim, &first).await.unwrap(), "it is over");

    promote(store, &claim, &leases[0], 1).await;
    let second = promote(store, &claim, &leases[1], 2).await.deployment;
    assert!(store.serving.undo_change(&claim, &second).await.unwrap());
    assert_eq!(standing(store, "staging").await, Some((1, None)));
    promote(store, &claim, &leases[1], 2).await;
    let back = roll_back(store, &claim).await.unwrap().deployment;
    assert_eq!(standing(store, "staging").await, Some((1, None)));
    assert!(store.serving.undo_change(&claim, &back).await.unwrap());
    assert_eq!(standing(store, "staging").await, Some((2, Some(1))), "as before the rollback");
    let causes: Vec<Cause> = history(store).await.into_iter().take(3).map(|(_, _, cause, _)| cause).collect();
    assert_eq!(causes, [Cause::Revert, Cause::Rollback, Cause::Promotion]);
    let current = store.serving.deployment(&model(), &claim.environment).await.unwrap().unwrap();
    assert_eq!(store.serving.desired().await.unwrap().0, current.generation, "every change has a greater number");
}

async fn a_change_that_was_cut_off_is_taken_over_by_one_before_anything_else_changes(world: World) {
    let store = &world.store;
    let leases = pushes(&world, 1).await;
    let dead = claim(store, "staging").await;
    let made = promote(store, &dead, &leases[0], 1).await;
    let before = claim(store, "prod").await;
    store.serving.expire_claims().await.unwrap();
    assert_eq!(
        store.serving.claim_environment(&environment("staging"), TTL).await.unwrap(),
        None,
        "it is to be ended first"
    );
    claim(store, "prod").await;
    assert!(matches!(store.serving.renew_claim(&before, TTL).await, Err(StoreError::Fenced)));

    let takers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.serving.take_abandoned(TTL).await.unwrap() })
    });
    let mut taken: Vec<_> = join_all(takers).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken.len(), 1);
    let (next, change) = taken.remove(0);
    assert_eq!(change, made);
    assert!(matches!(store.serving.undo_change(&dead, &change.deployment).await, Err(StoreError::Fenced)));
    assert!(store.serving.undo_change(&next, &change.deployment).await.unwrap());
    store.serving.release_environment(&next).await.unwrap();
    assert_eq!(standing(store, "staging").await, None);
    claim(store, "staging").await;
}

async fn a_rollback_of_dev_stands_until_a_newer_push(world: World) {
    let store = &world.store;
    let first = pushes(&world, 1).await.remove(0);
    let slow = world.leased().await;
    let second = world.leased().await;
    push(store, &second, 2).await;
    let claim = claim(store, "dev").await;
    let change = roll_back(store, &claim).await.unwrap();
    assert_eq!(change.deployment.pipeline_id, first.pipeline_id);
    assert_eq!(push(store, &second, 2).await, Begun::RolledBack, "its worker may still be at it");
    assert_eq!(push(store, &slow, 3).await, Begun::RolledBack, "an older push than the one rolled back");
    assert_eq!(standing(store, "dev").await, Some((1, None)));

    let newest = world.leased().await;
    assert!(matches!(push(store, &newest, 4).await, Begun::Current { .. }));
    assert!(!store.serving.undo_change(&claim, &change.deployment).await.unwrap(), "a push came between");
    assert_eq!(standing(store, "dev").await, Some((4, Some(1))));
    let Begun::Current { generation, .. } = push(store, &newest, 4).await else { panic!("it is there") };
    assert!(store.serving.revert_deployment(&newest, generation).await.unwrap());
    assert_eq!(standing(store, "dev").await, Some((1, None)), "a revert keeps what is further back");
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
    of_many_who_claim_an_environment_one_gets_it,
    a_claim_that_ran_out_is_free_and_its_holder_can_change_nothing,
    rollbacks_go_further_and_further_back,
    a_change_that_is_undone_leaves_what_was_there_before,
    a_change_that_was_cut_off_is_taken_over_by_one_before_anything_else_changes,
    a_rollback_of_dev_stands_until_a_newer_push,
    lists_go_on_page_by_page,
];
