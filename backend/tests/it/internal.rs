//! `POST /internal/model-servers`: reports, and what is deployed.

use axum::http::Method;
use serde_json::{Value, json};
use store::NewDeployment;

use crate::{Answer, World, world::INTERNAL};

const PATH: &str = "/internal/model-servers";

async fn report(world: &World, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    world.ask(Method::POST, PATH, &headers, body.to_string()).await
}

fn empty() -> Value {
    json!({ "address": "http://10.0.0.1:8001", "models": [] })
}

#[tokio::test]
async fn only_who_shows_the_token_may_report() {
    let world = World::new().await;
    let other = format!("{INTERNAL}x");
    for wrong in
        ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dXNlcjp3b3Jk", &other, INTERNAL.trim_start_matches("Bearer ")]
    {
        for body in [empty(), json!({})] {
            let answer = report(&world, &[("authorization", wrong)], &body).await;
            assert_eq!(answer.code(), (401, "unauthorized".to_owned()), "{wrong}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(report(&world, &[], &empty()).await.code(), (401, "unauthorized".to_owned()));
    assert!(world.store.serving.model_servers(crate::world::TTL).await.unwrap().is_empty(), "nothing was kept");
    assert_eq!(report(&world, &[("authorization", &INTERNAL.replace("Bearer", "bearer"))], &empty()).await.status, 200);
}

#[tokio::test]
async fn a_report_is_kept_and_answered_with_what_is_deployed_when_that_has_changed() {
    let world = World::new().await;
    let first = report(&world, &[("authorization", INTERNAL)], &empty()).await;
    assert_eq!((first.status, first.json()), (200, json!({ "change": 0, "models": [] })));
    let etag = first.header("etag").to_owned();
    let known = [("authorization", INTERNAL), ("if-none-match", &*etag)];
    let same = report(&world, &known, &empty()).await;
    assert_eq!((same.status, same.text()), (304, ""));

    let lease = world.leased("n.ipynb").await;
    let deployment = NewDeployment {
        version: 3,
        uri: "file:///models/titanic/v3".to_owned(),
        sha256: "ab".repeat(32),
        metrics: std::collections::BTreeMap::new(),
    };
    world.deploy(&lease, &"titanic".parse().unwrap(), deployment).await;
    let changed = report(&world, &known, &empty()).await;
    assert_ne!(changed.header("etag"), etag);
    let desired = changed.json();
    let model = &desired["models"][0];
    assert_eq!(
        (&model["model_name"], &model["version"], &model["environment"]),
        (&json!("titanic"), &json!(3), &json!("dev"))
    );
    let servers = world.store.serving.model_servers(crate::world::TTL).await.unwrap();
    assert_eq!(servers.len(), 1, "one server, however often it reports");
    assert_eq!(servers[0].0.address, "http://10.0.0.1:8001");
}

#[tokio::test]
async fn a_report_that_cannot_be_one_is_refused() {
    let world = World::new().await;
    let served = json!({ "model_name": "titanic", "environment": "dev", "version": 1, "generation": 1, "state": "ready" });
    let with = |field: &str, value: Value| {
        let mut model = served.clone();
        model[field] = value;
        json!({ "address": "http://h", "models": [model] })
    };
    for (body, status) in [
        (json!({ "address": "ftp://h", "models": [] }), 400),
        (json!({ "address": "", "models": [] }), 400),
        (json!({ "address": "javascript:1", "models": [] }), 400),
        (json!({ "models": [] }), 422),
        (json!({ "address": "http://h" }), 422),
        (json!({ "address": 7, "models": [] }), 422),
        (with("model_name", json!("Not A Name")), 422),
        (with("model_name", json!("../up")), 422),
        (with("environment", json!("nowhere")), 422),
        (with("version", json!(-1)), 422),
        (with("generation", json!("1")), 422),
        (with("state", json!("unheard of")), 422),
    ] {
        assert_eq!(report(&world, &[("authorization", INTERNAL)], &body).await.status, status, "{body}");
    }
    assert!(world.store.serving.model_servers(crate::world::TTL).await.unwrap().is_empty(), "nothing was kept");
}
