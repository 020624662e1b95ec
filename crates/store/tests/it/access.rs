use std::time::Duration;

use contract::{Grant, PersonId, Role};
use jiff::{SignedDuration, Timestamp};
use store::{AuditFilter, NewAuditEntry, NewKey, NewPerson, NewSession, Person, PersonChange, Purpose, Store, StoreError};

use crate::{TTL, World};

const ADMIN: &str = "ada";

fn session(digest: &str) -> NewSession<'_> {
    NewSession { digest, address: "192.0.2.7", agent: "a browser", lasts: TTL }
}

fn key<'a>(digest: &'a str, made_by: PersonId, grants: &'a [Grant]) -> NewKey<'a> {
    NewKey { digest, prefix: "mlsys_abcdefgh", name: "scoring", made_by, grants, lasts: Some(TTL) }
}

async fn person(store: &Store, login: &str, role: Role) -> Person {
    let grants = [Grant::everywhere(role)];
    store.access.add_person(NewPerson { login, name: "Somebody", grants: &grants }).await.unwrap()
}

/// One for a model, until a moment, and one for a repository.
fn narrow() -> Vec<Grant> {
    let end = Timestamp::from_millisecond(4_102_444_800_000).unwrap();
    let model = Grant {
        model: "titanic".parse().ok(),
        environment: "dev".parse().ok(),
        expires_at: Some(end),
        ..Grant::everywhere(Role::Predictor)
    };
    vec![model, Grant { repo: "octocat/titanic".parse().ok(), ..Grant::everywhere(Role::Developer) }]
}

async fn people_are_known_by_their_login_and_keep_what_they_were_given(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    let grants = narrow();
    let grace = access.add_person(NewPerson { login: "grace", name: "Grace", grants: &grants }).await.unwrap();
    assert_eq!((&grace.grants, grace.has_password, grace.disabled), (&grants, false, false));
    let again = NewPerson { login: "grace", name: "Other", grants: &[] };
    assert!(matches!(access.add_person(again).await, Err(StoreError::Conflict)));
    assert_eq!(access.ensure_person(again).await.unwrap(), grace);
    assert_eq!(access.people(None, 1).await.unwrap(), (vec![ada.clone()], true));
    assert_eq!(access.people(Some(ADMIN), 1).await.unwrap(), (vec![grace.clone()], false));
    let other = [Grant::everywhere(Role::Viewer)];
    let change = PersonChange { name: Some("Grace H."), grants: Some(&other), ..PersonChange::default() };
    let changed = access.change_person(grace.id, change).await.unwrap();
    assert_eq!((changed.name.as_str(), &changed.grants[..]), ("Grace H.", &other[..]));
    access.remove_person(grace.id).await.unwrap();
    assert!(matches!(access.person(grace.id).await, Err(StoreError::NotFound)));
    assert!(matches!(access.remove_person(grace.id).await, Err(StoreError::NotFound)));
    assert_eq!(world.count("SELECT COUNT(*) FROM grants").await, 1, "hers went with her");
}

async fn the_last_who_decides_about_people_stays(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    let viewer = [Grant::everywhere(Role::Viewer)];
    let ending = [Grant { expires_at: Some(Timestamp::now()), ..Grant::everywhere(Role::Admin) }];
    let lesser = PersonChange { grants: Some(&viewer), ..PersonChange::default() };
    for change in [
        lesser,
        PersonChange { grants: Some(&ending), ..PersonChange::default() },
        PersonChange { disabled: Some(true), ..PersonChange::default() },
    ] {
        assert!(matches!(access.change_person(ada.id, change).await, Err(StoreError::Conflict)), "{change:?}");
    }
    assert!(matches!(access.remove_person(ada.id).await, Err(StoreError::Conflict)));
    assert_eq!(access.person(ada.id).await.unwrap(), ada, "nothing has changed");
    let grace = person(&world.store, "grace", Role::Admin).await;
    // Each takes the other's rights at the same moment: one of them keeps hers.
    let (one, other) = tokio::join!(access.change_person(ada.id, lesser), access.change_person(grace.id, lesser));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
}

async fn a_session_lasts_until_its_end_or_until_it_is_ended(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    let id = access.open_session(ada.id, session("one")).await.unwrap();
    let caller = access.session("one").await.unwrap().unwrap();
    assert_eq!((caller.person, caller.name.as_str(), caller.session, caller.key), (ada.id, ADMIN, Some(id), None));
    assert_eq!((&caller.grants, caller.unnoted), (&ada.grants, false));
    assert_eq!(access.session("another").await.unwrap(), None);
    world.tamper("UPDATE sessions SET last_used_at = last_used_at - 61000").await;
    assert!(access.session("one").await.unwrap().unwrap().unnoted);
    access.note_session(id).await.unwrap();
    assert!(!access.session("one").await.unwrap().unwrap().unnoted);
    let listed = &access.sessions(Some(ada.id), None, 9).await.unwrap().0[0];
    assert_eq!((listed.login.as_str(), listed.address.as_str(), listed.agent.as_str()), (ADMIN, "192.0.2.7", "a browser"));

    let second = access.open_session(ada.id, session("two")).await.unwrap();
    assert!(access.sessions(None, None, 1).await.unwrap().1, "there is another");
    assert!(matches!(access.end_session(id, Some(PersonId::generate())).await, Err(StoreError::NotFound)));
    access.end_session(id, Some(ada.id)).await.unwrap();
    assert_eq!(access.session("one").await.unwrap(), None);
    assert!(matches!(access.end_session(id, None).await, Err(StoreError::NotFound)));
    world.tamper("UPDATE sessions SET expires_at = 1").await;
    assert_eq!(access.session("two").await.unwrap(), None);
    assert_eq!(access.sessions(None, None, 9).await.unwrap().0, []);
    assert_eq!(world.store.retention.remove_ended_access(Timestamp::now(), 10).await.unwrap(), 1);
    assert!(matches!(access.end_session(second, None).await, Err(StoreError::NotFound)));
}

async fn a_person_has_a_bounded_number_of_sessions(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    for number in 0..103 {
        access.open_session(ada.id, session(&number.to_string())).await.unwrap();
    }
    assert_eq!(access.sessions(Some(ada.id), None, 500).await.unwrap().0.len(), 100);
    assert!(access.session("2").await.unwrap().is_none() && access.session("3").await.unwrap().is_some());
}

async fn a_token_lets_in_once(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    access.add_token("token", ada.id, Purpose::SignIn, TTL).await.unwrap();
    assert_eq!(access.token("token").await.unwrap(), Some((ada.id, Purpose::SignIn)));
    let attempts = (0..8).map(|number| {
        let (access, cookie) = (access.clone(), format!("cookie-{number}"));
        async move { access.use_token("token", None, session(&cookie)).await.is_ok() }
    });
    let used = futures_util::future::join_all(attempts).await;
    assert_eq!(used.iter().filter(|used| **used).count(), 1, "however many come at once");
    assert_eq!(access.token("token").await.unwrap(), None);

    access.add_token("late", ada.id, Purpose::SignIn, Duration::ZERO).await.unwrap();
    assert!(matches!(access.use_token("late", None, session("c")).await, Err(StoreError::NotFound)));
    for number in 0..30 {
        access.add_token(&format!("many-{number}"), ada.id, Purpose::SignIn, TTL).await.unwrap();
    }
    assert!(world.count("SELECT COUNT(*) FROM one_time_tokens").await <= 20);
}

async fn an_invitation_sets_a_password_and_ends_what_went_before(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    assert!(!access.anybody_can_sign_in().await.unwrap());
    assert_eq!(access.password(ADMIN).await.unwrap(), Some((ada.id, None)));
    access.open_session(ada.id, session("before")).await.unwrap();
    access.add_token("first", ada.id, Purpose::Invitation, TTL).await.unwrap();
    access.add_token("second", ada.id, Purpose::Invitation, TTL).await.unwrap();
    assert_eq!(access.token("first").await.unwrap(), None, "a new one takes its place");
    access.add_token("address", ada.id, Purpose::SignIn, TTL).await.unwrap();
    let (who, _) = access.use_token("second", Some("a hash"), session("after")).await.unwrap();
    assert_eq!(access.token("address").await.unwrap(), None, "nor does an address from before sign in");
    assert_eq!(who, ada.id);
    assert!(access.session("before").await.unwrap().is_none() && access.session("after").await.unwrap().is_some());
    assert_eq!(access.password(ADMIN).await.unwrap(), Some((ada.id, Some("a hash".to_owned()))));
    assert!(access.anybody_can_sign_in().await.unwrap() && access.person(ada.id).await.unwrap().has_password);
    assert_eq!(access.password("nobody").await.unwrap(), None);
}

async fn who_may_not_sign_in_is_let_in_by_nothing(world: World) {
    let access = &world.store.access;
    person(&world.store, ADMIN, Role::Admin).await;
    let grace = person(&world.store, "grace", Role::Admin).await;
    access.open_session(grace.id, session("cookie")).await.unwrap();
    access.add_token("token", grace.id, Purpose::SignIn, TTL).await.unwrap();
    access.add_key(key("key", grace.id, &grace.grants)).await.unwrap();
    let disabled = |disabled| PersonChange { disabled: Some(disabled), ..PersonChange::default() };
    access.change_person(grace.id, disabled(true)).await.unwrap();
    assert!(access.session("cookie").await.unwrap().is_none() && access.key("key").await.unwrap().is_none());
    assert!(access.token("token").await.unwrap().is_none() && access.password("grace").await.unwrap().is_none());
    assert!(matches!(access.open_session(grace.id, session("again")).await, Err(StoreError::NotFound)));
    access.change_person(grace.id, disabled(false)).await.unwrap();
    assert!(access.session("cookie").await.unwrap().is_none(), "a session that was ended stays so");
    assert!(access.key("key").await.unwrap().is_some());
}

async fn the_keys_that_let_somebody_in_are_listed_and_no_others(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    let grace = person(&world.store, "grace", Role::Admin).await;
    let grants = narrow();
    let made = access.add_key(key("one", ada.id, &grants)).await.unwrap();
    access.add_key(NewKey { lasts: None, ..key("for ever", ada.id, &[]) }).await.unwrap();
    access.add_key(NewKey { lasts: Some(Duration::ZERO), ..key("over", ada.id, &grants) }).await.unwrap();
    access.add_key(key("of another", grace.id, &grants)).await.unwrap();
    let listed = async |limit| {
        let keys = access.listed_keys(limit).await.unwrap();
        keys.into_iter().map(|key| key.sha256).collect::<Vec<_>>()
    };
    let all = access.listed_keys(9).await.unwrap();
    assert_eq!(listed(9).await, ["of another", "for ever", "one"]);
    assert_eq!((&all[2].grants, all[2].expires_at, &all[1].grants[..]), (&grants, made.expires_at, &[][..]));
    assert_eq!(listed(2).await, ["of another", "for ever"], "a limit is of keys, not of rights");
    access.revoke_key(made.id, None).await.unwrap();
    let disabled = PersonChange { disabled: Some(true), ..PersonChange::default() };
    access.change_person(grace.id, disabled).await.unwrap();
    assert_eq!(listed(9).await, ["for ever"]);
}

async fn a_key_may_what_it_was_made_for_until_it_is_revoked_or_over(world: World) {
    let access = &world.store.access;
    let ada = person(&world.store, ADMIN, Role::Admin).await;
    let grants = narrow();
    let made = access.add_key(key("key", ada.id, &grants)).await.unwrap();
    assert_eq!((made.prefix.as_str(), made.made_by.as_str(), &made.grants), ("mlsys_abcdefgh", ADMIN, &grants));
    let caller = access.key("key").await.unwrap().unwrap();
    assert_eq!((caller.key, caller.session, &caller.grants, caller.unnoted), (Some(made.id), None, &grants, true));
    access.note_key(made.id).await.unwrap();
    assert!(!access.key("key").await.unwrap().unwrap().unnoted);
    assert!(access.key_by_id(made.id).await.unwrap().last_used_at.is_some());
    assert!(matches!(access.add_key(key("key", ada.id, &grants)).await, Err(StoreError::Conflict)));

    assert!(matches!(access.revoke_key(made.id, Some(PersonId::generate())).await, Err(StoreError::NotFound)));
    assert!(access.revoke_key(made.id, Some(ada.id)).await.unwrap().revoked_at.is_some());
    assert!(matches!(access.revoke_key(made.id, None).await, Err(StoreError::NotFound)));
    assert_eq!(access.key("key").await.unwrap(), None);
    let second = access.add_key(NewKey { lasts: Some(Duration::ZERO), ..key("over", ada.id, &grants) }).await.unwrap();
    assert_eq!(access.key("over").await.unwrap(), None);
    let third = access.add_key(NewKey { lasts: None, ..key("for ever", ada.id, &[]) }).await.unwrap();
    assert_eq!(access.key("for ever").await.unwrap().unwrap().grants, []);
    let ids = |keys: &[store::Key]| keys.iter().map(|key| key.id).collect::<Vec<_>>();
    let (page, more) = access.keys(Some(ada.id), None, 2).await.unwrap();
    assert_eq!((ids(&page), more), (vec![third.id, second.id], true));
    assert_eq!(ids(&access.keys(None, Some(second.id), 2).await.unwrap().0), [made.id]);
    let later = Timestamp::now() + SignedDuration::from_secs(1);
    assert_eq!(world.store.retention.remove_ended_access(later, 10).await.unwrap(), 2);
    assert_eq!(ids(&access.keys(None, None, 9).await.unwrap().0), [third.id]);
    assert_eq!(world.count("SELECT COUNT(*) FROM grants").await, 1, "only Ada's are left");
}

async fn what_was_done_is_read_from_the_newest_on_and_by_who_and_what(world: World) {
    let access = &world.store.access;
    for (actor, action, object) in
        [("ada", "run", "octocat/titanic"), ("ada", "promote", "titanic"), ("grace", "run", "octocat/iris")]
    {
        let entry = NewAuditEntry {
            actor_kind: "person",
            actor: actor.to_owned(),
            address: "192.0.2.7".to_owned(),
            action: action.to_owned(),
            object: object.to_owned(),
            before: None,
            after: Some("x\0".repeat(5000)),
            result: "done".to_owned(),
            ..NewAuditEntry::default()
        };
        access.record(entry).await.unwrap();
    }
    let all = AuditFilter { limit: 2, ..AuditFilter::default() };
    let (page, more) = access.audit(&all).await.unwrap();
    assert_eq!((page[0].actor.as_str(), page[1].action.as_str(), more), ("grace", "promote", true));
    assert_eq!(page[0].after.as_ref().map(|after| after.chars().count()), Some(4096), "what is too long is cut");
    let (rest, more) = access.audit(&AuditFilter { before: Some(page[1].id), ..all.clone() }).await.unwrap();
    assert_eq!((rest.len(), rest[0].object.as_str(), more), (1, "octocat/titanic", false));
    let some = |word: &str| Some(word.to_owned());
    let now = Timestamp::now();
    for (filter, expected) in [
        (AuditFilter { actor: some("ada"), limit: 9, ..all.clone() }, 2),
        (AuditFilter { actor: some("ada"), action: some("run"), ..all.clone() }, 1),
        (AuditFilter { object: some("titanic"), ..all.clone() }, 1),
        (AuditFilter { object: some("titanic' OR ''='"), ..all.clone() }, 0),
        (AuditFilter { since: Some(now + SignedDuration::from_hours(1)), ..all.clone() }, 0),
        (AuditFilter { until: Some(now - SignedDuration::from_hours(1)), ..all.clone() }, 0),
        (AuditFilter { since: Some(now - SignedDuration::from_hours(1)), limit: 9, ..all.clone() }, 3),
    ] {
        assert_eq!(access.audit(&filter).await.unwrap().0.len(), expected, "{filter:?}");
    }
    let later = now + SignedDuration::from_secs(10);
    assert_eq!(world.store.retention.old_audit_entries(later).await.unwrap(), 3);
    assert_eq!(world.store.retention.remove_audit_entries(later, 2).await.unwrap(), 2);
    assert_eq!(access.audit(&AuditFilter { limit: 9, ..all }).await.unwrap().0.len(), 1);
}

async fn what_a_request_is_about_is_found(world: World) {
    let access = &world.store.access;
    let lease = world.leased().await;
    let found = access.pipeline_subject(lease.pipeline_id).await.unwrap().unwrap();
    assert_eq!((found.repo.to_string(), found.model), ("octocat/titanic".to_owned(), None));
    assert_eq!(access.pipeline_subject(contract::PipelineId::generate()).await.unwrap(), None);
    let model = "titanic".parse().unwrap();
    assert_eq!(access.model_places(&model).await.unwrap(), []);
    let new = store::NewVersion {
        model: model.clone(),
        version: 3,
        flavour: contract::Flavour::Onnx,
        uri: "file:///v3".to_owned(),
        sha256: "ab".repeat(32),
    };
    world.store.serving.record_version(&lease, new).await.unwrap();
    let dev = contract::Environment::dev();
    let new = store::NewDeployment {
        version: 3,
        uri: "file:///v3".to_owned(),
        sha256: "ab".repeat(32),
        metrics: std::collections::BTreeMap::new(),
    };
    crate::push(&world.store, &lease, (&model, &dev), new).await;
    assert_eq!(access.model_places(&model).await.unwrap(), [(dev, 3)]);
}

on_both![
    people_are_known_by_their_login_and_keep_what_they_were_given,
    the_last_who_decides_about_people_stays,
    a_session_lasts_until_its_end_or_until_it_is_ended,
    a_person_has_a_bounded_number_of_sessions,
    a_token_lets_in_once,
    an_invitation_sets_a_password_and_ends_what_went_before,
    who_may_not_sign_in_is_let_in_by_nothing,
    a_key_may_what_it_was_made_for_until_it_is_revoked_or_over,
    the_keys_that_let_somebody_in_are_listed_and_no_others,
    what_was_done_is_read_from_the_newest_on_and_by_who_and_what,
    what_a_request_is_about_is_found,
];
