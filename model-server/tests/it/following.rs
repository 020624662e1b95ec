//! Servers that bring themselves in line with what the backend says is deployed.

use std::{fs, time::Instant};

use axum::http::StatusCode;
use contract::ServedState;
use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, Word, list, model},
    harness::{DEADLINE, Place, Server, manifest, outcome},
};

fn body() -> String {
    json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string()
}

async fn served(server: &Server) -> Value {
    server.answer("titanic", body()).await["model_version"].clone()
}

#[tokio::test]
async fn servers_serve_what_the_backend_lists_and_nothing_else() {
    let (mut place, mut other) = (Place::new(), Place::new());
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let prices = place.put("prices", "prices", 7).await;
    let titanic = model("titanic", "dev", (&first, 1), 1);
    let backend = BackendDouble::saying(list(2, [titanic, model("prices", "prod", (&prices, 7), 2)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    let ready = server.until("/ready", 200).await;
    assert_eq!(ready, json!({"status": "ready", "models": 2, "failed": []}), "it is ready once it has followed");
    backend.until(&["prices prod 7 2 ready", "titanic dev 1 1 ready"]).await;
    assert_eq!(backend.report().unwrap().address, server.url);

    // Nothing changes: nothing is sent, nothing is loaded.
    let models: Value = server.get("/models").await.json().await.unwrap();
    let lists = backend.answered(StatusCode::OK);
    backend.rounds(3).await;
    assert_eq!(backend.answered(StatusCode::OK), lists);
    assert!(backend.answered(StatusCode::NOT_MODIFIED) >= 3);
    assert_eq!(server.get("/models").await.json::<Value>().await.unwrap(), models);

    // One more version, one model less.
    backend.list(list(4, [model("titanic", "dev", (&second, 2), 3)]));
    backend.until(&["titanic dev 2 3 ready"]).await;
    assert_eq!(served(&server).await, 2);
    assert_eq!(outcome(server.predict("prices", "[]").await).await, (404, "model_not_found".to_owned()));
    assert_eq!(fs::read_dir(place.state().join("models/titanic")).unwrap().count(), 1, "only what is deployed is kept");

    // A new server does not have to be told by anyone else.
    server.stop().await;
    other.backend_url = Some(backend.url.clone());
    let same_artifacts = other.put("titanic-2", "titanic", 2).await;
    backend.list(list(5, [model("titanic", "dev", (&same_artifacts, 2), 5)]));
    let server = other.serve().await;
    server.until("/ready", 200).await;
    assert_eq!(served(&server).await, 2);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_was_stopped_catches_up() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let prices = place.put("prices", "prices", 7).await;
    let backend = BackendDouble::saying(list(1, [model("titanic", "dev", (&first, 1), 1)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready"]).await;
    server.stop().await;

    backend.list(list(5, [model("titanic", "dev", (&second, 2), 4), model("prices", "prod", (&prices, 7), 5)]));
    let server = place.serve().await;
    backend.until(&["prices prod 7 5 ready", "titanic dev 2 4 ready"]).await;
    assert_eq!(served(&server).await, 2);
    server.stop().await;

    backend.list(list(6, []));
    let server = place.serve().await;
    server.until("/ready", 200).await;
    backend.until(&[]).await;
    assert_eq!(server.get("/models").await.json::<Value>().await.unwrap()["items"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_backend_that_is_unreachable_or_talks_rubbish_changes_nothing() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let mut backend = BackendDouble::saying(list(1, [model("titanic", "dev", (&first, 1), 1)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready"]).await;
    for (status, text) in [
        (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        (StatusCode::UNAUTHORIZED, "who are you?"),
        (StatusCode::OK, ""),
        (StatusCode::OK, "[]"),
        (StatusCode::OK, r#"{"change": 99, "models": [{"model_name": "titanic"}]}"#),
        (StatusCode::NO_CONTENT, ""),
    ] {
        backend.say(Word::Other(status, text));
        backend.rounds(2).await;
        assert_eq!(served(&server).await, 1, "{status} {text}");
    }
    backend.stop().await;
    assert_eq!(server.load_as("titanic", (&second, 2), 2).await.status(), 200, "calls are heard all the same");
    assert_eq!(served(&server).await, 2);

    backend.list(list(3, [model("titanic", "dev", (&first, 1), 3)]));
    backend.start_again().await;
    backend.until(&["titanic dev 1 3 ready"]).await;
    assert_eq!(served(&server).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_its_backend_serves_what_it_remembers_and_is_ready_after_a_while() {
    let mut place = Place::new();
    let location = place.put("titanic-1", "titanic", 1).await;
    let mut backend = BackendDouble::saying(list(1, [model("titanic", "dev", (&location, 1), 1)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready"]).await;
    server.stop().await;
    backend.stop().await;

    let server = place.serve().await;
    let waiting = Instant::now();
    let back = async { while server.predict("titanic", body()).await.status() != 200 {} };
    tokio::time::timeout(DEADLINE, back).await.unwrap();
    assert_eq!(server.get("/ready").await.status(), 503, "the backend may yet come up");
    assert_eq!(server.until("/ready", 200).await["models"], 1);
    assert!(waiting.elapsed().as_secs() >= 9);
    server.stop().await;
}

#[tokio::test]
async fn what_was_served_goes_on_while_the_new_one_fails_and_the_new_one_comes_once_it_can() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let (folder, aside) = (place.artifacts().join("mlsys-models-dev/titanic/v2"), place.artifacts().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    let backend = BackendDouble::saying(list(1, [model("titanic", "dev", (&first, 1), 1)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready"]).await;

    let new = model("titanic", "dev", (&second, 2), 2);
    let foreign = model("prices", "dev", (&second, 2), 3);
    backend.list(list(3, [new.clone(), foreign]));
    backend.until(&["prices dev 2 3 failed", "titanic dev 2 2 failed"]).await;
    let ServedState::Failed { detail } = &backend.report().unwrap().models[1].state else { panic!("it failed") };
    assert!(!detail.is_empty());
    assert_eq!(served(&server).await, 1);
    assert_eq!(outcome(server.predict("prices", "[]").await).await, (503, "model_unavailable".to_owned()));
    let ready: Value = server.get("/ready").await.json().await.unwrap();
    assert_eq!((&ready["status"], &ready["failed"][1]["code"]), (&json!("ready"), &json!("artifact_missing")));

    fs::rename(&aside, &folder).unwrap();
    backend.until(&["prices dev 2 3 failed", "titanic dev 2 2 ready"]).await;
    assert_eq!(served(&server).await, 2);
    backend.list(list(4, [new]));
    backend.until(&["titanic dev 2 2 ready"]).await;
    assert_eq!(outcome(server.predict("prices", "[]").await).await, (404, "model_not_found".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn the_backend_hears_of_a_load_while_it_goes_on() {
    let mut place = Place::gated();
    let location = place.put("boosted", "boosted", 1).await;
    let backend = BackendDouble::saying(list(0, [])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    server.until("/ready", 200).await;
    place.close_gate();
    let load = server.load_as("boosted", (&location, 1), 4);
    let watch = async {
        backend.until(&["boosted dev 1 4 loading"]).await;
        assert_eq!(outcome(server.predict("boosted", "[]").await).await, (503, "model_loading".to_owned()));
        place.open_gate();
    };
    let (loaded, ()) = tokio::join!(load, watch);
    assert_eq!(loaded.status(), 200);
    backend.until(&["boosted dev 1 4 ready"]).await;
    server.stop().await;
}
