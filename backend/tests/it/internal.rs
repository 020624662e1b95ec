//! `POST /internal/model-servers`: reports, and what is deployed.

use axum::http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::NewDeployment;

use crate::{
    Answer, World,
    world::{HOME, INTERNAL, TTL},
};

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
    assert!(world.store.serving.model_servers(TTL).await.unwrap().is_empty(), "nothing was kept");
    assert_eq!(report(&world, &[("authorization", &INTERNAL.replace("Bearer", "bearer"))], &empty()).await.status, 200);
}

#[tokio::test]
async fn a_report_is_kept_and_answered_with_what_is_deployed_when_that_has_changed() {
    let world = World::new().await;
    let first = report(&world, &[("authorization", INTERNAL)], &empty()).await;
    let said = first.json();
    assert_eq!((first.status, &said["change"], &said["models"]), (200, &json!(0), &json!([])));
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
    let servers = world.store.serving.model_servers(TTL).await.unwrap();
    assert_eq!(servers.len(), 1, "one server, however often it reports");
    assert_eq!(servers[0].0.address, "http://10.0.0.1:8001");
}

/// The keys that model-servers are told of, by their SHA-256, once there are so many of them.
async fn told(world: &World, many: usize) -> (Answer, Vec<Value>) {
    let wait = async {
        loop {
            let answer = report(world, &[("authorization", INTERNAL)], &empty()).await;
            let keys = answer.json()["access"]["keys"].as_array().unwrap().clone();
            if keys.len() == many {
                return (answer, keys);
            }
        }
    };
    tokio::time::timeout(TTL, wait).await.unwrap()
}

#[tokio::test]
async fn model_servers_are_told_of_the_keys_that_let_somebody_in_and_of_nothing_that_does() {
    let world = World::new().await;
    let (first, keys) = told(&world, 1).await;
    let sha256 = |key: &str| hex::encode(Sha256::digest(key));
    assert_eq!(keys, [json!({ "sha256": sha256(HOME), "grants": [{ "role": "admin" }] })], "the command line's own");

    let grants = json!([{ "role": "predictor", "model": "titanic", "environment": "prod" }]);
    let made = world.post("/api/keys", json!({ "name": "shop", "grants": grants, "days": 7 })).await.json();
    let secret = made["key"].as_str().unwrap();
    let (answer, keys) = told(&world, 2).await;
    let expected = json!({ "sha256": sha256(secret), "grants": grants, "expires_at": made["expires_at"] });
    assert!(keys.contains(&expected), "{keys:#?}");
    assert!(!answer.text().contains(secret) && !answer.text().contains(HOME) && !answer.text().contains("shop"));
    assert_ne!(answer.header("etag"), first.header("etag"), "a new key is news");
    let known = [("authorization", INTERNAL), ("if-none-match", answer.header("etag"))];
    assert_eq!(report(&world, &known, &empty()).await.status, 304);

    let revoke = format!("/api/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(world.send(Method::DELETE, &revoke, &Value::Null).await.status, 204);
    let (answer, _) = told(&world, 1).await;
    assert_eq!(answer.header("etag"), first.header("etag"));

    // Whose the deployed models are, and no others.
    assert_eq!(answer.json()["access"]["owners"], json!({}));
    let lease = world.leased("n.ipynb").await;
    let model: contract::ModelName = "titanic".parse().unwrap();
    let (uri, sha256) = ("file:///v3".to_owned(), "ab".repeat(32));
    let version = store::NewVersion {
        model: model.clone(),
        version: 3,
        flavour: contract::Flavour::Onnx,
        uri: uri.clone(),
        sha256: sha256.clone(),
    };
    world.store.serving.record_version(&lease, version).await.unwrap();
    let new = NewDeployment { version: 3, uri, sha256, metrics: std::collections::BTreeMap::new() };
    world.deploy(&lease, &model, new).await;
    let wait =
        async { while told(&world, 1).await.0.json()["access"]["owners"] != json!({ "titanic": "octocat/titanic" }) {} };
    tokio::time::timeout(TTL, wait).await.unwrap();
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
    assert!(world.store.serving.model_servers(TTL).await.unwrap().is_empty(), "nothing was kept");
}
