//! Promotions to production that wait for a second person.

use axum::http::Method;
use contract::{Environment, ModelName};
use serde_json::{Value, json};
use store::Locked;

use crate::{
    Answer, World,
    models::deploy,
    signing::invited,
    world::{NOWHERE, TTL},
};

const ASK: &str = "/api/models/titanic/promote";
const CONFIRMED: &str = "{\"confirm\": \"production\"}";

async fn world() -> World {
    let world = World::with(NOWHERE, |config| config.prod_approval = true).await;
    deploy(&world, 1).await;
    bring(&world, "staging").await;
    world
}

/// What serves in dev serves there, too.
async fn bring(world: &World, environment: &str) {
    let (serving, model): (_, ModelName) = (&world.store.serving, "titanic".parse().unwrap());
    let deployed = serving.deployment(&model, &Environment::dev()).await.unwrap().unwrap();
    let Locked::Free(lock) = serving.lock(&model, &environment.parse().unwrap(), TTL).await.unwrap() else { panic!() };
    serving.promote(&lock, deployed).await.unwrap().unwrap();
    serving.unlock(&lock).await.unwrap();
}

fn to_prod(version: u64) -> String {
    json!({ "version": version, "from": "staging", "to": "prod", "confirm": "production" }).to_string()
}

/// Asks as whoever this cookie or key is.
async fn as_one(world: &World, who: &str, method: Method, path: &str, body: &str) -> Answer {
    let shown = if who.starts_with("mlsys_session=") {
        ("cookie", who.to_owned())
    } else {
        ("authorization", format!("Bearer {who}"))
    };
    let headers = [(shown.0, shown.1.as_str()), ("content-type", "application/json")];
    world.ask(method, path, &headers, body.to_owned()).await
}

async fn asked(world: &World, who: &str, version: u64) -> String {
    let answer = as_one(world, who, Method::POST, ASK, &to_prod(version)).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn key_of(world: &World, cookie: &str, grant: Value) -> String {
    let body = json!({ "name": "a program", "grants": [grant] }).to_string();
    let made = as_one(world, cookie, Method::POST, "/api/keys", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["key"].as_str().unwrap().to_owned()
}

async fn states(world: &World) -> Vec<String> {
    let listed = world.json("/api/approvals").await;
    listed["items"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

fn because(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_promotion_to_production_waits_for_somebody_else_whatever_key_who_asked_shows() {
    let world = world().await;
    let (_, grace) = invited(&world, "grace", "admin").await;
    let (_, ada) = invited(&world, "ada", "operator").await;
    let others_key = key_of(&world, &grace, json!({ "role": "operator", "model": "titanic" })).await;
    let answer = as_one(&world, &others_key, Method::POST, ASK, &to_prod(1)).await;
    let waits = answer.json();
    assert_eq!((answer.status, &waits["state"], &waits["version"]), (202, &json!("waiting"), &json!(1)), "{waits}");
    assert!(waits["asker"].as_str().unwrap().contains("a program") && waits["previous_version"].is_null(), "{waits}");
    assert_eq!(
        world.json("/api/models/titanic").await["environments"],
        json!({ "dev": 1, "staging": 1 }),
        "nothing is changed"
    );
    assert_eq!(as_one(&world, &ada, Method::POST, ASK, &to_prod(1)).await.code(), because(409, "approval_waits"));

    let path = format!("/api/approvals/{}/approve", waits["id"].as_str().unwrap());
    let another_key = key_of(&world, &grace, json!({ "role": "admin" })).await;
    for own in [&grace, &others_key, &another_key] {
        let refused = as_one(&world, own, Method::POST, &path, CONFIRMED).await;
        assert_eq!(refused.code(), because(403, "second_person_required"));
    }
    for body in ["{}", "{\"confirm\": \"Production\"}"] {
        assert_eq!(as_one(&world, &ada, Method::POST, &path, body).await.code(), because(400, "confirmation_required"));
    }
    assert_eq!(states(&world).await, ["waiting"]);
    // It is made at once; here no model-server is there to take it.
    assert_eq!(as_one(&world, &ada, Method::POST, &path, CONFIRMED).await.code(), because(502, "model_server_unavailable"));
    let listed = world.json("/api/approvals?model=titanic&state=failed").await;
    let failed = &listed["items"][0];
    assert_eq!((&failed["decider"], &failed["state"]), (&json!("ada"), &json!("failed")));
    assert!(!failed["detail"].as_str().unwrap().is_empty() && !failed["decided_at"].is_null(), "{failed}");
    assert_eq!(as_one(&world, &ada, Method::POST, &path, CONFIRMED).await.code(), because(409, "approval_decided"));

    let audit = world.json("/api/audit?action=promote").await;
    let told: Vec<_> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["actor"].as_str().unwrap(), one["object"].as_str().unwrap(), one["result"].as_str().unwrap()))
        .collect();
    assert_eq!(told[1], ("ada", "titanic", "502 Bad Gateway"), "{told:?}");
    assert!(told.contains(&("grace", "titanic", "403 Forbidden")), "{told:?}");
    let first = audit["items"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&first["after"], &first["result"]),
        (&json!("version 1 in prod, once somebody else approves it"), &json!("done"))
    );
}

#[tokio::test]
async fn the_owner_of_a_home_is_one_person_by_whatever_way() {
    let world = world().await;
    let id = asked(&world, crate::world::HOME, 1).await;
    let made = world.post("/api/sessions/address", Value::Null).await.json();
    let token = made["address"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned();
    let json = [("content-type", "application/json")];
    let answer = world.ask_as_nobody(Method::POST, "/api/sessions", &json, json!({ "token": token }).to_string()).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let path = format!("/api/approvals/{id}/approve");
    for own in [crate::world::HOME, &cookie] {
        assert_eq!(as_one(&world, own, Method::POST, &path, CONFIRMED).await.code(), because(403, "second_person_required"));
    }
}

#[tokio::test]
async fn it_can_be_refused_with_a_reason_and_taken_back_by_who_asked_alone() {
    let world = world().await;
    let (_, grace) = invited(&world, "grace", "admin").await;
    let (_, ada) = invited(&world, "ada", "operator").await;
    let id = asked(&world, &grace, 1).await;
    let own = format!("/api/approvals/{id}");
    let long = json!({ "reason": "x".repeat(501) }).to_string();
    assert_eq!(
        as_one(&world, &ada, Method::POST, &format!("{own}/refuse"), &long).await.code(),
        because(400, "reason_too_long")
    );
    assert_eq!(as_one(&world, &ada, Method::DELETE, &own, "").await.code(), because(403, "not_yours"));
    let refused = as_one(&world, &ada, Method::POST, &format!("{own}/refuse"), "{\"reason\": \"not on a Friday\"}").await;
    let refused = refused.json();
    assert_eq!(
        (&refused["state"], &refused["detail"], &refused["decider"]),
        (&json!("refused"), &json!("not on a Friday"), &json!("ada"))
    );
    for (method, path, body) in [
        (Method::POST, format!("{own}/approve"), CONFIRMED),
        (Method::POST, format!("{own}/refuse"), "{}"),
        (Method::DELETE, own, ""),
    ] {
        let who = if method == Method::DELETE { &grace } else { &ada };
        assert_eq!(as_one(&world, who, method, &path, body).await.code(), because(409, "approval_decided"), "{path}");
    }
    let id = asked(&world, &grace, 1).await;
    let key = key_of(&world, &grace, json!({ "role": "operator" })).await;
    assert_eq!(as_one(&world, &key, Method::DELETE, &format!("/api/approvals/{id}"), "").await.status, 204);
    assert_eq!(states(&world).await, ["withdrawn", "refused"]);
    let audit = world.json("/api/audit?action=promote&object=titanic").await;
    assert_eq!(audit["items"][0]["after"], "version 1 in prod: taken back");
}

#[tokio::test]
async fn what_is_deployed_by_now_is_not_overrun_by_what_was_asked_before() {
    let world = world().await;
    let (person, grace) = invited(&world, "grace", "operator").await;
    let (_, ada) = invited(&world, "ada", "operator").await;
    let id = asked(&world, &grace, 1).await;
    let path = format!("/api/approvals/{id}/approve");
    // Another version came to production, and went: the one that was looked at does not serve any more.
    deploy(&world, 2).await;
    bring(&world, "prod").await;
    assert_eq!(as_one(&world, &ada, Method::POST, &path, CONFIRMED).await.code(), because(409, "approval_stale"));
    assert_eq!(states(&world).await, ["stale"]);
    assert_eq!(world.json("/api/approvals?state=waiting").await["items"], json!([]));
    let again = asked(&world, &grace, 1).await;
    assert_eq!(states(&world).await, ["waiting", "stale"]);
    // Another one came to staging.
    bring(&world, "staging").await;
    assert_eq!(states(&world).await, ["stale", "stale"], "{again}");
    assert_eq!(as_one(&world, &grace, Method::POST, ASK, &to_prod(1)).await.code(), because(409, "not_deployed"));
    assert_eq!(as_one(&world, &grace, Method::POST, ASK, &to_prod(2)).await.code(), because(409, "already_deployed"));
    deploy(&world, 3).await;
    bring(&world, "staging").await;
    let id = asked(&world, &grace, 3).await;
    // Who asked is kept out by now.
    world.send(Method::PATCH, &format!("/api/people/{person}"), &json!({ "disabled": true })).await;
    let late = as_one(&world, &ada, Method::POST, &format!("/api/approvals/{id}/approve"), CONFIRMED).await;
    assert_eq!(late.code(), because(409, "approval_stale"));
}

#[tokio::test]
async fn only_who_may_promote_that_model_to_production_decides_and_one_of_two_at_once() {
    let world = world().await;
    let (_, grace) = invited(&world, "grace", "admin").await;
    let id = asked(&world, &grace, 1).await;
    let (approve, refuse) = (format!("/api/approvals/{id}/approve"), format!("/api/approvals/{id}/refuse"));
    for (grant, expected) in [
        (json!({ "role": "developer" }), because(403, "forbidden")),
        (json!({ "role": "viewer" }), because(403, "forbidden")),
        (json!({ "role": "predictor" }), because(403, "forbidden")),
        (json!({ "role": "operator", "model": "iris" }), because(404, "not_found")),
        (json!({ "role": "operator", "repo": "octocat/other" }), because(404, "not_found")),
    ] {
        let made = world.post("/api/keys", json!({ "name": "x", "grants": [grant] })).await.json();
        let key = made["key"].as_str().unwrap();
        for (method, path, body) in [
            (Method::POST, &approve, CONFIRMED),
            (Method::POST, &refuse, "{}"),
            (Method::DELETE, &format!("/api/approvals/{id}"), ""),
        ] {
            assert_eq!(as_one(&world, key, method, path, body).await.code(), expected, "{grant} {path}");
        }
    }
    let (_, ada) = invited(&world, "ada", "operator").await;
    let (_, edsger) = invited(&world, "edsger", "operator").await;
    let at_once = tokio::join!(
        as_one(&world, &ada, Method::POST, &approve, CONFIRMED),
        as_one(&world, &edsger, Method::POST, &refuse, "{}"),
        as_one(&world, &edsger, Method::POST, &approve, CONFIRMED),
    );
    let statuses = [at_once.0.status, at_once.1.status, at_once.2.status];
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 2, "{statuses:?}");
}

#[tokio::test]
async fn lists_go_page_by_page_and_what_they_do_not_know_is_refused() {
    let world = world().await;
    for _ in 0..3 {
        let id = asked(&world, crate::world::HOME, 1).await;
        assert_eq!(world.send(Method::DELETE, &format!("/api/approvals/{id}"), &Value::Null).await.status, 204);
    }
    let first = world.json("/api/approvals?limit=2").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let rest = world.json(&format!("/api/approvals?after={}", first["next"].as_str().unwrap())).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    assert_eq!(world.json("/api/approvals?model=iris").await["items"], json!([]));
    for wrong in ["state=pending", "after=x", "model=No%20Name", "limit=-1"] {
        assert_eq!(world.get(&format!("/api/approvals?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_not_production_and_what_needs_nobody_else_goes_on_at_once() {
    let world = world().await;
    deploy(&world, 2).await;
    let body = json!({ "version": 2, "from": "dev", "to": "staging" });
    assert_eq!(world.post(ASK, body).await.code(), because(502, "model_server_unavailable"), "it is tried");
    let open = World::new().await;
    deploy(&open, 1).await;
    bring(&open, "staging").await;
    let tried = as_one(&open, crate::world::HOME, Method::POST, ASK, &to_prod(1)).await;
    assert_eq!(tried.code(), because(502, "model_server_unavailable"));
    assert_eq!(states(&open).await, [""; 0]);
}
