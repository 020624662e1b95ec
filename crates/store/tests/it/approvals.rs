use std::{collections::BTreeMap, time::Duration};

use contract::{Environment, Grant, ModelName, PersonId, Role, Scope};
use futures_util::future::join_all;
use store::{Approval, ApprovalState, NewApproval, NewDeployment, NewPerson, NotAsked, Store, StoreError};

use crate::{TTL, World};

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

/// A version serves in dev; somebody asks for it in staging.
async fn prepared(world: &World) -> PersonId {
    let lease = world.leased().await;
    let (uri, sha256) = ("file:///dev/v1".to_owned(), "0".repeat(64));
    let new = NewDeployment { version: 1, uri, sha256, metrics: BTreeMap::new() };
    crate::push(&world.store, &lease, (&model(), &Environment::dev()), new).await;
    let grants = [Grant::everywhere(Role::Operator)];
    world.store.access.add_person(NewPerson { login: "grace", name: "Grace", grants: &grants }).await.unwrap().id
}

async fn ask(store: &Store, asked_by: PersonId, lasts: Duration) -> Result<Approval, NotAsked> {
    let (model, from, to) = (model(), Environment::dev(), "staging".parse().unwrap());
    let new =
        NewApproval { model: &model, version: 1, from: &from, to: &to, asked_by, asker: "grace\0", lasts, trial: None };
    store.serving.ask_for_approval(new).await.unwrap()
}

async fn what_nobody_decides_expires_and_makes_way(world: World) {
    let store = &world.store;
    let grace = prepared(&world).await;
    let over = ask(store, grace, Duration::ZERO).await.unwrap();
    assert_eq!((over.state, over.previous_version, over.asker.as_str()), (ApprovalState::Expired, None, "grace\u{FFFD}"));
    let decided = store.serving.decide_approval(over.id, ApprovalState::Approved, "ada", None).await;
    assert!(matches!(decided, Err(StoreError::Conflict)), "{decided:?}");
    let next = ask(store, grace, TTL).await.unwrap();
    assert_eq!(ask(store, grace, TTL).await, Err(NotAsked::Waiting));
    let listed = async |state| store.serving.approvals(&Scope::Everything, Some(&model()), state, None, 10).await.unwrap().0;
    for (state, expected) in [
        (Some(ApprovalState::Waiting), vec![next.id]),
        (Some(ApprovalState::Expired), vec![over.id]),
        (None, vec![next.id, over.id]),
    ] {
        assert_eq!(listed(state).await.iter().map(|one| one.id).collect::<Vec<_>>(), expected, "{state:?}");
    }
    assert_eq!(store.serving.approval(next.id).await.unwrap(), Some(next));
}

async fn of_many_who_decide_at_once_one_does(world: World) {
    let store = &world.store;
    let grace = prepared(&world).await;
    let asked = join_all((0..8).map(|_| ask(store, grace, TTL))).await;
    let mut asked: Vec<_> = asked.into_iter().flatten().collect();
    let (waiting, others) = (asked.pop().unwrap(), asked.len());
    assert_eq!(others, 0, "one waits");
    let decide = |number: usize| {
        let state = if number.is_multiple_of(2) { ApprovalState::Approved } else { ApprovalState::Refused };
        store.serving.decide_approval(waiting.id, state, "ada", Some("why"))
    };
    let decided = join_all((0..8).map(decide)).await;
    assert_eq!(decided.iter().filter(|one| one.is_ok()).count(), 1, "{decided:?}");
    let found = store.serving.approval(waiting.id).await.unwrap().unwrap();
    assert!([ApprovalState::Approved, ApprovalState::Refused].contains(&found.state) && found.decided_at.is_some());
    store.serving.fail_approval(waiting.id, "no server").await.unwrap();
    let failed = store.serving.approval(waiting.id).await.unwrap().unwrap();
    assert_eq!(failed.state == ApprovalState::Failed, found.state == ApprovalState::Approved, "only what was approved");
}

async fn a_model_keeps_a_bounded_number(world: World) {
    let store = &world.store;
    let grace = prepared(&world).await;
    for _ in 0..110 {
        ask(store, grace, Duration::ZERO).await.unwrap();
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM approvals").await, 100);
}

async fn who_asked_must_still_be_let_in(world: World) {
    let store = &world.store;
    let grace = prepared(&world).await;
    let asked = ask(store, grace, TTL).await.unwrap();
    store.access.remove_person(grace).await.unwrap();
    assert_eq!(store.serving.approval(asked.id).await.unwrap().unwrap().state, ApprovalState::Stale);
    assert!(ask(store, grace, TTL).await.is_ok(), "what is stale makes way");
}

on_both!(
    what_nobody_decides_expires_and_makes_way,
    of_many_who_decide_at_once_one_does,
    a_model_keeps_a_bounded_number,
    who_asked_must_still_be_let_in,
);
