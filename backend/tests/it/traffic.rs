//! Versions that are tried beside the deployed one, as the API has it. That they answer is shown with a real model-server.

use axum::http::Method;
use contract::{Environment, Flavour, ModelName};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Deployment, Locked, NewVersion, Trial};

use crate::{
    Answer, World,
    models::deploy,
    signing::invited,
    world::{NOWHERE, TTL},
};

const TRAFFIC: &str = "/api/models/titanic/traffic";

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

async fn set(world: &World, body: Value) -> Answer {
    world.send(Method::PUT, TRAFFIC, &body).await
}

/// Version 1 serves in dev, and version 2 is registered.
async fn world() -> World {
    let world = World::new().await;
    deploy(&world, 1).await;
    let lease = world.leased("second.ipynb").await;
    let second = NewVersion {
        model: model(),
        version: 2,
        flavour: Flavour::Onnx,
        uri: "file:///v2".to_owned(),
        sha256: "ab".repeat(32),
    };
    world.store.serving.record_version(&lease, second).await.unwrap();
    world
}

/// Version 2 is tried in dev, as if model-servers had taken it.
async fn tried(world: &World) {
    let (serving, dev) = (&world.store.serving, Environment::dev());
    let found = serving.model_version(&model(), 2).await.unwrap().unwrap();
    let version = Deployment {
        model: model(),
        environment: dev.clone(),
        version: 2,
        pipeline_id: found.pipeline_id,
        uri: found.uri,
        sha256: found.sha256,
        metrics: found.metrics,
        deployed_at: Timestamp::UNIX_EPOCH,
        generation: 0,
    };
    let Locked::Free(lock) = serving.lock(&model(), &dev, TTL).await.unwrap() else { panic!() };
    let trial = Trial { weight: 20, shadow: 0, rules: None };
    serving.try_out(&lock, version, &trial, "ada").await.unwrap();
    serving.unlock(&lock).await.unwrap();
}

#[tokio::test]
async fn shares_and_rules_that_make_no_sense_are_refused_with_what_would() {
    let world = world().await;
    let rules = |rules: Value| json!({ "environment": "dev", "version": 2, "weight": 10, "rules": rules });
    for (body, status, code) in [
        (json!({ "environment": "dev", "version": 2, "weight": 101 }), 400, "bad_share"),
        (json!({ "environment": "dev", "version": 2, "weight": 1, "shadow": 101 }), 400, "bad_share"),
        (rules(json!({ "min_requests": 0 })), 400, "bad_rules"),
        (rules(json!({ "max_error_rate": 1.5 })), 400, "bad_rules"),
        (rules(json!({ "max_latency_ratio": 0 })), 400, "bad_rules"),
        (rules(json!({ "min_agreement": -0.1 })), 400, "bad_rules"),
        (rules(json!({ "within_minutes": 0 })), 400, "bad_rules"),
        (json!({ "environment": "prod", "version": 2, "weight": 1 }), 400, "confirmation_required"),
        (json!({ "environment": "prod", "version": 2, "weight": 1, "confirm": "production" }), 409, "nothing_deployed"),
        (json!({ "environment": "dev", "version": 1, "weight": 1 }), 409, "already_deployed"),
        (json!({ "environment": "dev", "version": 9, "weight": 1 }), 404, "not_found"),
    ] {
        assert_eq!(set(&world, body.clone()).await.code(), (status, code.to_owned()), "{body}");
    }
    for body in [rules(json!({ "min_request": 1 })), json!({ "environment": "dev", "version": 2, "weight": -1 })] {
        let status = set(&world, body.clone()).await.status;
        assert!([400, 422].contains(&status), "{status}: {body}");
    }
    let body = json!({ "environment": "dev", "version": 1, "weight": 1 });
    assert_eq!(world.send(Method::PUT, "/api/models/iris/traffic", &body).await.status, 404);
    let none = world.post(&format!("{TRAFFIC}/promote"), json!({ "environment": "dev" })).await;
    assert_eq!(none.code(), (409, "no_candidate".to_owned()));
    let none = world.post(&format!("{TRAFFIC}/withdraw"), json!({ "environment": "dev" })).await;
    assert_eq!(none.code(), (409, "no_candidate".to_owned()));
    assert_eq!(world.json(TRAFFIC).await["places"][0]["candidate"], Value::Null);
}

#[tokio::test]
async fn a_candidate_is_told_changed_and_withdrawn_and_the_audit_log_says_by_whom() {
    let world = world().await;
    tried(&world).await;
    let places = world.json(TRAFFIC).await["places"].clone();
    assert_eq!(places[0]["environment"], "dev");
    assert_eq!(places[0]["current"], json!({ "version": 1, "weight": 80 }));
    let candidate = &places[0]["candidate"];
    assert_eq!((&candidate["version"], &candidate["weight"], &candidate["by"]), (&json!(2), &json!(20), &json!("ada")));
    assert_eq!((&candidate["rules"], &candidate["verdict"]), (&Value::Null, &Value::Null));

    let listed = world.ask(
        Method::POST,
        "/internal/model-servers",
        &[("authorization", crate::world::INTERNAL), ("content-type", "application/json")],
        json!({ "address": NOWHERE, "models": [] }).to_string(),
    );
    let listed = listed.await.json();
    let shares: Vec<_> =
        listed["models"].as_array().unwrap().iter().map(|one| json!([one["version"], one["weight"]])).collect();
    assert_eq!(shares, [json!([1, 80]), json!([2, 20])]);

    // Model-servers need not be asked for this.
    let body = json!({ "environment": "dev", "version": 2, "weight": 50, "shadow": 5, "rules": { "min_requests": 10 } });
    let place = set(&world, body).await;
    assert_eq!(place.status, 200, "{}", place.text());
    assert_eq!(place.json()["current"]["weight"], 50);
    assert_eq!(place.json()["candidate"]["rules"]["max_error_rate"], 0.01, "what is not given is the default");
    let third = set(&world, json!({ "environment": "dev", "version": 3, "weight": 1 })).await;
    assert_eq!(third.code(), (409, "another_candidate".to_owned()));
    let place = world.post(&format!("{TRAFFIC}/withdraw"), json!({ "environment": "dev" })).await;
    assert_eq!((place.status, &place.json()["candidate"]), (200, &Value::Null));
    let audit = world.json("/api/audit?action=traffic").await;
    let after: Vec<_> = audit["items"].as_array().unwrap().iter().map(|one| one["after"].as_str().unwrap()).collect();
    let said = ["version 2 in dev is withdrawn", "", "version 2 in dev with 50 % of the requests, 5 % as a shadow"];
    assert_eq!((after[0], after[2], after.len()), (said[0], said[2], 3), "{after:?}");
}

#[tokio::test]
async fn what_is_new_in_production_waits_for_a_second_person_where_that_is_asked_for() {
    let world = World::with(NOWHERE, |config| config.prod_approval = true).await;
    deploy(&world, 1).await;
    let serving = &world.store.serving;
    for environment in ["staging", "prod"] {
        let deployed = serving.deployment(&model(), &Environment::dev()).await.unwrap().unwrap();
        let Locked::Free(lock) = serving.lock(&model(), &environment.parse().unwrap(), TTL).await.unwrap() else { panic!() };
        serving.promote(&lock, deployed).await.unwrap().unwrap();
        serving.unlock(&lock).await.unwrap();
    }
    deploy(&world, 2).await;
    let Locked::Free(lock) = serving.lock(&model(), &"staging".parse().unwrap(), TTL).await.unwrap() else { panic!() };
    let second = serving.deployment(&model(), &Environment::dev()).await.unwrap().unwrap();
    serving.promote(&lock, second).await.unwrap().unwrap();
    serving.unlock(&lock).await.unwrap();

    let (_, ada) = invited(&world, "ada", "operator").await;
    let body = json!({ "environment": "prod", "version": 2, "weight": 10, "confirm": "production" }).to_string();
    let headers = [("cookie", ada.as_str()), ("content-type", "application/json")];
    let waits = world.ask(Method::PUT, TRAFFIC, &headers, body).await;
    assert_eq!(waits.status, 202, "{}", waits.text());
    assert_eq!(waits.json()["trial"], json!({ "weight": 10, "shadow": 0, "rules": null }));
    assert_eq!(world.json(TRAFFIC).await["places"][2]["candidate"], Value::Null, "nothing is changed");
    let (_, grace) = invited(&world, "grace", "operator").await;
    let approve = format!("/api/approvals/{}/approve", waits.json()["id"].as_str().unwrap());
    let headers = [("cookie", grace.as_str()), ("content-type", "application/json")];
    let made = world.ask(Method::POST, &approve, &headers, "{\"confirm\": \"production\"}").await;
    // It is made at once: here are neither its files nor a model-server that would take it.
    assert!([409, 502].contains(&made.status), "{}", made.text());
    assert_eq!(world.json("/api/approvals?state=failed").await["items"][0]["version"], 2);
}
