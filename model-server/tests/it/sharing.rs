//! Several versions of a model that share a place.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, list, model, shared},
    harness::{DEADLINE, Place, Server, manifest, outcome},
};

fn body() -> String {
    json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string()
}

async fn version(server: &Server, target: &str) -> u64 {
    server.answer(target, body()).await["model_version"].as_u64().unwrap()
}

/// How many of a hundred requests version 1 answers.
async fn of_a_hundred(server: &Server) -> usize {
    let mut first = 0;
    for _ in 0..100 {
        first += usize::from(version(server, "titanic").await == 1);
    }
    first
}

/// Waits until version 1 answers so many of a hundred requests, give or take a few.
async fn until_shared(server: &Server, first: usize) {
    let wait = async { while of_a_hundred(server).await.abs_diff(first) > 3 {} };
    assert!(tokio::time::timeout(DEADLINE, wait).await.is_ok(), "version 1 does not answer {first} of 100 requests");
}

#[tokio::test]
async fn two_versions_share_the_requests_by_weight_and_each_answers_when_it_is_named() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let (first, second) = (model("titanic", "dev", (&first, 1), 1), model("titanic", "dev", (&second, 2), 2));
    let both = |one, other| [shared(one, first.clone()), shared(other, second.clone())];
    let backend = BackendDouble::saying(list(2, both(30, 70))).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready", "titanic dev 2 2 ready"]).await;
    let counted = of_a_hundred(&server).await;
    assert!(counted.abs_diff(30) <= 3, "{counted}");
    for _ in 0..5 {
        assert_eq!(version(&server, "titanic?version=1").await, 1);
        assert_eq!(version(&server, "titanic?version=2&env=dev").await, 2);
    }
    let models: Value = server.get("/models/titanic").await.json().await.unwrap();
    assert_eq!(models["items"].as_array().unwrap().len(), 2);

    // Other weights, with nothing to load.
    backend.list(list(3, both(80, 20)));
    until_shared(&server, 80).await;
    backend.list(list(4, both(100, 0)));
    until_shared(&server, 100).await;
    assert_eq!(of_a_hundred(&server).await, 100);
    assert_eq!(version(&server, "titanic?version=2").await, 2, "it can still be named");
    // One of them goes.
    backend.list(list(5, [second.clone()]));
    until_shared(&server, 0).await;
    let gone = outcome(server.predict("titanic?version=1", body()).await).await;
    assert_eq!(gone, (404, "version_not_found".to_owned()));
    backend.until(&["titanic dev 2 2 ready"]).await;
    server.stop().await;
}

#[tokio::test]
async fn a_version_that_fails_leaves_the_other_serving_and_joins_it_once_it_can() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let (folder, aside) = (place.artifacts().join("mlsys-models-dev/titanic/v1"), place.artifacts().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    let first = shared(30, model("titanic", "dev", (&first, 1), 1));
    let backend = BackendDouble::saying(list(2, [first, shared(70, model("titanic", "dev", (&second, 2), 2))])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 failed", "titanic dev 2 2 ready"]).await;
    assert_eq!(of_a_hundred(&server).await, 0);
    let failed = outcome(server.predict("titanic?version=1", body()).await).await;
    assert_eq!(failed, (503, "model_unavailable".to_owned()));
    let ready: Value = server.get("/ready").await.json().await.unwrap();
    assert_eq!((&ready["models"], &ready["failed"][0]["version"]), (&json!(1), &json!(1)));

    fs::rename(&aside, &folder).unwrap();
    backend.until(&["titanic dev 1 1 ready", "titanic dev 2 2 ready"]).await;
    until_shared(&server, 30).await;
    server.stop().await;
}

#[tokio::test]
async fn a_version_that_joins_another_does_not_interrupt_it() {
    let mut place = Place::gated();
    let (first, second) = (place.put("moody", "moody", 1).await, place.put_late("moody", "moody", 2).await);
    let first = model("moody", "dev", (&first, 1), 1);
    let backend = BackendDouble::saying(list(1, [first.clone()])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["moody dev 1 1 ready"]).await;
    let answers = async || server.answer("moody", r#"{"inputs":[[1,2]]}"#).await["model_version"].clone();
    place.close_gate();
    backend.list(list(2, [shared(50, first), shared(50, model("moody", "dev", (&second, 2), 2))]));
    backend.until(&["moody dev 1 1 ready", "moody dev 2 2 loading"]).await;
    for _ in 0..10 {
        assert_eq!(answers().await, 1);
    }
    place.open_gate();
    backend.until(&["moody dev 1 1 ready", "moody dev 2 2 ready"]).await;
    let both = async { while answers().await != 2 {} };
    tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn shares_survive_a_restart_and_a_newer_call_takes_the_place_alone() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let models = [shared(30, model("titanic", "dev", (&first, 1), 1)), shared(70, model("titanic", "dev", (&second, 2), 2))];
    let backend = BackendDouble::saying(list(2, models)).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready", "titanic dev 2 2 ready"]).await;
    until_shared(&server, 30).await;
    server.stop().await;

    place.backend_url = None;
    let server = place.serve().await;
    assert_eq!(server.until("/ready", 200).await["models"], 2);
    let counted = of_a_hundred(&server).await;
    assert!(counted.abs_diff(30) <= 3, "{counted}");

    // A generation of either is old news; a version that has a share is served already.
    assert_eq!(outcome(server.load_as("titanic", (&first, 3), 2).await).await.0, 409);
    assert_eq!(server.load_as("titanic", (&first, 1), 1).await.status(), 200);
    assert_eq!(server.get("/models").await.json::<Value>().await.unwrap()["items"].as_array().unwrap().len(), 2);
    assert_eq!(server.load_as("titanic", (&first, 1), 3).await.status(), 200);
    assert_eq!(of_a_hundred(&server).await, 100);
    assert_eq!(outcome(server.predict("titanic?version=2", body()).await).await.0, 404);
    assert_eq!(fs::read_dir(place.state().join("models/titanic")).unwrap().count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_the_version_before_remembered_is_brought_back() {
    let place = Place::new();
    let location = place.put("titanic-1", "titanic", 1).await;
    fs::create_dir_all(place.state()).unwrap();
    let (uri, sha256) = (&location.uri, &location.sha256);
    let entry =
        json!({"model_name": "titanic", "version": 1, "uri": uri, "sha256": sha256, "environment": "prod", "generation": 4});
    fs::write(place.state().join("deployed.json"), json!({"models": [entry]}).to_string()).unwrap();
    let server = place.serve().await;
    assert_eq!(server.until("/ready", 200).await["models"], 1);
    assert_eq!(version(&server, "titanic?env=prod").await, 1);
    server.stop().await;
}
