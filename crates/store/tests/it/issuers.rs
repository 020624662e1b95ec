use contract::{Grant, Role};
use futures_util::future::join_all;
use store::{FromIssuer, NewKey, NewPerson, NewSession};

use crate::{TTL, World};

fn session(digest: &str) -> NewSession<'_> {
    NewSession { digest, address: "192.0.2.7", agent: "a browser", lasts: TTL }
}

async fn who_comes_twice_at_once_is_one_person(world: World) {
    let access = &world.store.access;
    let (logins, grants) = (["ada".to_owned(), "ada-1".to_owned()], [Grant::everywhere(Role::Viewer)]);
    let who = FromIssuer { subject: "https://i 1", logins: &logins, name: "Ada", grants: &grants };
    let digests: Vec<_> = (0..6).map(|number| format!("digest {number}")).collect();
    let opened = join_all(digests.iter().map(|digest| access.sign_in_from_issuer(who, session(digest)))).await;
    assert!(opened.iter().all(|one| matches!(one, Ok(Some(_)))), "{opened:?}");
    let (people, _) = access.people(None, 10).await.unwrap();
    assert!(people.len() == 1 && people[0].login == "ada" && people[0].from_issuer && !people[0].has_password);
    assert!(access.anybody_can_sign_in().await.unwrap());
}

async fn a_login_that_is_taken_is_left_to_whom_it_is(world: World) {
    let access = &world.store.access;
    access.add_person(NewPerson { login: "ada", name: "Ada", grants: &[] }).await.unwrap();
    let (logins, grants) = (["ada".to_owned(), "ada-1".to_owned()], [Grant::everywhere(Role::Viewer)]);
    let who = FromIssuer { subject: "https://i 1", logins: &logins, name: "Another\0", grants: &grants };
    access.sign_in_from_issuer(who, session("a")).await.unwrap().unwrap();
    let found = access.session("a").await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), &found.grants[..]), ("ada-1", &grants[..]));
}

async fn whose_groups_are_gone_is_out_with_their_sessions_and_keys_until_they_are_back(world: World) {
    let access = &world.store.access;
    let (logins, grants) = (["ada".to_owned()], [Grant::everywhere(Role::Operator)]);
    let who = FromIssuer { subject: "https://i 1", logins: &logins, name: "Ada", grants: &grants };
    let nothing = FromIssuer { grants: &[], ..who };
    assert_eq!(access.sign_in_from_issuer(nothing, session("a")).await.unwrap(), None);
    assert_eq!(world.count("SELECT COUNT(*) FROM people").await, 0, "a stranger stays one");
    access.sign_in_from_issuer(who, session("a")).await.unwrap().unwrap();
    let ada = access.session("a").await.unwrap().unwrap().person;
    let viewer = [Grant::everywhere(Role::Viewer)];
    let key = NewKey { digest: "k", prefix: "mlsys_abcdefgh", name: "x", made_by: ada, grants: &viewer, lasts: None };
    access.add_key(key).await.unwrap();
    assert!(access.key("k").await.unwrap().is_some());
    assert_eq!(access.sign_in_from_issuer(nothing, session("b")).await.unwrap(), None);
    assert!(access.session("a").await.unwrap().is_none() && access.key("k").await.unwrap().is_none());
    assert!(access.listed_keys(9).await.unwrap().is_empty(), "nor are model-servers told of it");
    access.sign_in_from_issuer(who, session("c")).await.unwrap().unwrap();
    assert!(access.session("a").await.unwrap().is_none() && access.key("k").await.unwrap().is_some());
    assert_eq!(access.listed_keys(9).await.unwrap().len(), 1);
}

on_both!(
    who_comes_twice_at_once_is_one_person,
    a_login_that_is_taken_is_left_to_whom_it_is,
    whose_groups_are_gone_is_out_with_their_sessions_and_keys_until_they_are_back,
);
