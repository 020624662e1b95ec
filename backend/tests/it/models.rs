//! Models: what is refused of a promotion or rollback, and what of a prediction is passed on.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri},
    routing::{get, post},
};
use contract::{Environment, Flavour, ServerReport};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{NewDeployment, NewVersion};
use tokio::net::TcpListener;

use crate::{
    Answer, World,
    world::{NOWHERE, TTL},
};

/// Puts a version's files into the bucket of dev, records it, and takes it into service in dev.
pub async fn deploy(world: &World, version: u64) {
    let model: contract::ModelName = "titanic".parse().unwrap();
    let folder = world.folder.path().join(format!("package-{version}"));
    std::fs::create_dir_all(&folder).unwrap();
    let content = format!("weights {version}");
    let digest = hex::encode(Sha256::digest(&content));
    let manifest = json!({
        "format": 1, "model_name": "titanic", "declared_version": "1", "task": "regression", "flavour": "python",
        "signature": {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 1]}},
        "input_example": {"inputs": [[1.0]]}, "expected_output": {"predictions": [1.0]}, "python_version": "3.11",
        "files": {"model.pkl": {"sha256": digest, "size": content.len()}}
    });
    std::fs::write(folder.join("model.pkl"), &content).unwrap();
    std::fs::write(folder.join("metadata.json"), manifest.to_string()).unwrap();
    let files = &["metadata.json", "model.pkl"];
    let location = world.artifacts.put_version(&Environment::dev(), &model, version, &folder, files).await.unwrap();
    let lease = world.leased(&format!("v{version}.ipynb")).await;
    let (uri, sha256) = (location.uri, location.sha256);
    let recorded =
        NewVersion { model: model.clone(), version, flavour: Flavour::Python, uri: uri.clone(), sha256: sha256.clone() };
    world.store.serving.record_version(&lease, recorded).await.unwrap();
    let metrics = BTreeMap::new();
    world.deploy(&lease, &model, NewDeployment { version, uri, sha256, metrics }).await;
}

async fn promote(world: &World, body: Value) -> (u16, String) {
    world.post("/api/models/titanic/promote", body).await.code()
}

fn because(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_change_that_is_not_in_order_is_refused_and_changes_nothing() {
    let world = World::new().await;
    deploy(&world, 1).await;
    let before = world.json("/api/models/titanic/history").await;
    for (from, to) in [("dev", "prod"), ("staging", "dev"), ("dev", "dev"), ("prod", "staging"), ("prod", "prod")] {
        let body = json!({ "version": 1, "from": from, "to": to, "confirm": "production" });
        assert_eq!(promote(&world, body).await, because(400, "bad_promotion"), "{from} to {to}");
    }
    for confirm in [Value::Null, json!(""), json!("Production"), json!("production ")] {
        let body = json!({ "version": 1, "from": "staging", "to": "prod", "confirm": confirm });
        assert_eq!(promote(&world, body).await, because(400, "confirmation_required"));
        let answer = world.post("/api/models/titanic/rollback", json!({ "environment": "prod", "confirm": confirm })).await;
        assert_eq!(answer.code(), because(400, "confirmation_required"));
    }
    for (body, status) in [
        (json!({ "version": 2, "from": "dev", "to": "staging" }), because(409, "not_deployed")),
        (json!({ "version": 1, "from": "staging", "to": "prod", "confirm": "production" }), because(409, "not_deployed")),
        (json!({ "version": 1, "from": "nowhere", "to": "staging" }), because(422, "bad_request")),
        (json!({ "version": -1, "from": "dev", "to": "staging" }), because(422, "bad_request")),
        (json!({ "version": "1", "from": "dev", "to": "staging" }), because(422, "bad_request")),
    ] {
        assert_eq!(promote(&world, body.clone()).await, status, "{body}");
    }
    for environment in ["dev", "staging"] {
        let answer = world.post("/api/models/titanic/rollback", json!({ "environment": environment })).await;
        assert_eq!(answer.code(), because(409, "nothing_to_roll_back_to"), "{environment}");
    }
    assert_eq!(world.json("/api/models/titanic/history").await, before);
}

#[tokio::test]
async fn a_promotion_that_reaches_no_model_server_is_taken_back() {
    let world = World::new().await;
    deploy(&world, 1).await;
    let answer = promote(&world, json!({ "version": 1, "from": "dev", "to": "staging" })).await;
    assert_eq!(answer, because(502, "model_server_unavailable"));
    let model = world.json("/api/models/titanic").await;
    assert_eq!(model["environments"], json!({ "dev": 1 }), "{model}");
}

#[tokio::test]
async fn a_version_whose_files_are_not_those_that_were_registered_is_not_promoted() {
    let world = World::new().await;
    deploy(&world, 1).await;
    let folder = world.folder.path().join("artifacts/mlsys-models-dev/titanic/v1");
    std::fs::write(folder.join("model.pkl"), "weighty 1").unwrap();
    let body = json!({ "version": 1, "from": "dev", "to": "staging" });
    assert_eq!(promote(&world, body.clone()).await, because(409, "digest_mismatch"));
    std::fs::remove_file(folder.join("metadata.json")).unwrap();
    assert_eq!(promote(&world, body).await, because(409, "artifact_missing"));
    assert_eq!(world.get("/api/models/titanic/versions/1").await.code(), because(409, "artifact_missing"));
}

#[tokio::test]
async fn a_version_tells_what_it_is() {
    let world = World::new().await;
    deploy(&world, 1).await;
    deploy(&world, 2).await;
    let version = world.json("/api/models/titanic/versions/2").await;
    assert_eq!((&version["manifest"]["model_name"], &version["environments"]), (&json!("titanic"), &json!(["dev"])));
    assert_eq!(version["links"]["mlflow_version"], format!("{NOWHERE}/#/models/titanic/versions/2"));
    assert_eq!(version["links"]["mlflow_run"], Value::Null);
    let path = "/api/models/titanic/versions/2/provenance";
    assert_eq!(version["links"]["provenance"], Value::Null, "a version of before");
    assert_eq!(world.get(path).await.code(), because(404, "not_found"));
    let folder = world.folder.path().join("artifacts/mlsys-models-dev/titanic/v2");
    std::fs::write(folder.join("provenance.json"), "{\"payload\": 1}").unwrap();
    let said = world.get(path).await;
    assert_eq!((said.status, said.text()), (200, "{\"payload\": 1}"), "as it was written");
    assert_eq!(said.header("content-type"), "application/vnd.dsse.envelope.v1+json");
    assert_eq!(world.json("/api/models/titanic/versions/2").await["links"]["provenance"], path);
    let model = world.json("/api/models/titanic").await;
    assert_eq!((&model["latest_version"], &model["versions"]), (&json!(2), &json!(2)));
    let dev = &model["deployments"][0];
    assert_eq!((&dev["environment"], &dev["version"], &dev["rollback_to"]), (&json!("dev"), &json!(2), &json!(1)));
    for (path, status) in
        [("versions/3", 404), ("versions/0", 404), ("versions/x", 400), ("versions/-1", 400), ("versions/1.0", 400)]
    {
        assert_eq!(world.get(&format!("/api/models/titanic/{path}")).await.status, status, "{path}");
    }
}

/// A model-server that says what it was asked, and its address.
async fn server(status: StatusCode, metrics: &'static str) -> String {
    let says = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let said = json!({
            "uri": uri.to_string(), "body": String::from_utf8_lossy(&body), "type": header("content-type"),
            "id": header("x-request-id"), "cookie": header("cookie"), "authorization": header("authorization"),
        });
        let told = [("content-type", "application/json; x=1"), ("set-cookie", "a=b"), ("retry-after", "7")];
        (status, told, said.to_string())
    };
    let router = Router::new().route("/predict/{name}", post(says)).route("/metrics", get(async move || metrics));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn report(world: &World, address: &str) {
    world.store.serving.report_server(&ServerReport { address: address.to_owned(), models: vec![] }).await.unwrap();
}

async fn predict(world: &World, path: &str) -> Answer {
    let shown = format!("Bearer {}", crate::world::HOME);
    let headers = [
        ("content-type", "application/json"),
        ("x-request-id", "the-clients"),
        ("cookie", "secret=1"),
        ("authorization", shown.as_str()),
    ];
    world.ask(Method::POST, path, &headers, "{\"inputs\": [[1.0]]}").await
}

#[tokio::test]
async fn a_prediction_is_passed_on_body_for_body_and_nothing_else_is() {
    let address = Arc::new(server(StatusCode::OK, "").await);
    let fixed = Arc::clone(&address);
    let by_setting = World::with(NOWHERE, move |config| config.model_server_url = Some(fixed.to_string())).await;
    let by_report = World::new().await;
    report(&by_report, &address).await;
    for world in [&by_setting, &by_report] {
        for path in ["/api/models/titanic/predict?version=3&env=dev", "/models/titanic/predict?version=3&env=dev"] {
            let answer = predict(world, path).await;
            let said = answer.json();
            assert_eq!(
                (&said["uri"], &said["body"]),
                (&json!("/predict/titanic?version=3&env=dev"), &json!("{\"inputs\": [[1.0]]}"))
            );
            assert_eq!((&said["type"], &said["id"]), (&json!("application/json"), &json!("the-clients")));
            assert_eq!(said["cookie"], Value::Null, "what is mlsys's own stays");
            assert_eq!(said["authorization"], crate::world::INTERNAL, "the backend answers for who asks");
            assert_eq!((answer.header("content-type"), answer.header("set-cookie")), ("application/json; x=1", ""));
            assert_eq!(answer.header("retry-after"), "7");
            assert_ne!(answer.header("content-length"), "", "its length is known");
        }
        assert_eq!(predict(world, "/models/No%20Name/predict").await.code(), because(400, "bad_identifier"));
    }
}

/// A model-server may know of a newer deployment than the one that was looked at.
#[tokio::test]
async fn who_was_let_in_for_an_environment_is_answered_by_no_other() {
    let world = World::new().await;
    report(&world, &server(StatusCode::OK, "").await).await;
    deploy(&world, 3).await;
    for (asked, passed_on) in [
        ("", "?env=dev"),
        ("?version=3", "?version=3&env=dev"),
        ("?env=dev", "?env=dev"),
        ("?env=staging&version=1", "?env=staging&version=1"),
    ] {
        // The second goes another way.
        for path in ["/models/titanic/predict", "/models/%74itanic/predict"] {
            let path = format!("{path}{asked}");
            let said = world.ask_as_nobody(Method::POST, &path, &[("content-type", "application/json")], "[]").await.json();
            assert_eq!(said["uri"], format!("/predict/titanic{passed_on}"), "{path}");
        }
    }
    assert_eq!(
        predict(&world, "/models/titanic/predict").await.json()["uri"],
        "/predict/titanic",
        "who may all is asked none"
    );
}

#[tokio::test]
async fn a_prediction_goes_past_servers_that_cannot_be_reached() {
    let world = World::new().await;
    assert_eq!(predict(&world, "/models/titanic/predict").await.code(), because(502, "model_server_unavailable"));
    let world = World::new().await;
    for address in ["http://127.0.0.1:9", "http://127.0.0.1:10", &server(StatusCode::OK, "").await] {
        report(&world, address).await;
    }
    for _ in 0..6 {
        assert_eq!(predict(&world, "/models/titanic/predict").await.status, 200);
    }
}

#[tokio::test]
async fn traffic_is_the_sum_of_all_servers_or_none() {
    let metrics = "# TYPE mlsys_model_requests_total counter\n\
        mlsys_model_requests_total{model=\"titanic\",version=\"3\",code=\"200\"} 4\n\
        mlsys_model_requests_total{model=\"titanic\",version=\"3\",code=\"400\"} 1\n\
        mlsys_model_requests_total{model=\"other\",version=\"3\",code=\"200\"} 100\n";
    let world = World::new().await;
    deploy(&world, 3).await;
    let path = "/api/models/titanic/traffic";
    assert_eq!(world.json(path).await["versions"], json!([]), "nobody counts");
    for _ in 0..2 {
        report(&world, &server(StatusCode::OK, metrics).await).await;
    }
    let answer = world.json(path).await;
    let version = &answer["versions"][0];
    assert_eq!(
        (&version["version"], &version["requests"], &version["errors"]),
        (&json!(3), &json!(10), &json!(2)),
        "{answer}"
    );
    report(&world, "http://127.0.0.1:9").await;
    assert_eq!(world.get(path).await.code(), because(502, "model_server_unavailable"), "a sum without one server's is none");
    assert_eq!(world.store.serving.model_servers(TTL).await.unwrap().len(), 3);
}
