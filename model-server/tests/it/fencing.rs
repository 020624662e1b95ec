//! Generations: what is older never replaces what is newer.

use std::fs;

use contract::LoadedModel;
use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, list, model},
    harness::{Place, Server, TOKEN, manifest, outcome},
};

fn body() -> String {
    json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string()
}

async fn served(server: &Server) -> Value {
    server.answer("titanic", body()).await["model_version"].clone()
}

async fn unload_as(server: &Server, generation: u64) -> reqwest::Response {
    let request = json!({"environment": "dev", "generation": generation});
    server.post("/internal/unload/titanic").bearer_auth(TOKEN).json(&request).send().await.unwrap()
}

#[tokio::test]
async fn a_call_that_is_older_than_what_is_served_is_refused() {
    let place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let stale = (409, "stale_generation".to_owned());
    let server = place.serve().await;
    let loaded: LoadedModel = server.load_as("titanic", (&second, 2), 5).await.json().await.unwrap();
    for generation in [4, 5, 0] {
        assert_eq!(outcome(server.load_as("titanic", (&first, 1), generation).await).await, stale, "{generation}");
    }
    assert_eq!(served(&server).await, 2);
    let again: LoadedModel = server.load_as("titanic", (&second, 2), 5).await.json().await.unwrap();
    assert_eq!(again, loaded, "the same again is no load");
    server.stop().await;

    let server = place.serve().await;
    server.until("/ready", 200).await;
    assert_eq!(outcome(server.load_as("titanic", (&first, 1), 4).await).await, stale, "it is remembered");
    assert_eq!(server.load_as("titanic", (&first, 1), 6).await.status(), 200, "an older version is not an older deployment");
    assert_eq!(served(&server).await, 1);
    let remembered: Value = serde_json::from_slice(&fs::read(place.state().join("deployed.json")).unwrap()).unwrap();
    assert_eq!(remembered["models"][0]["generation"], 6);
}

#[tokio::test]
async fn an_unload_that_is_older_is_refused_and_a_load_older_than_an_unload_too() {
    let place = Place::new();
    let location = place.put("titanic-1", "titanic", 1).await;
    let stale = (409, "stale_generation".to_owned());
    let server = place.serve().await;
    assert_eq!(server.load_as("titanic", (&location, 1), 5).await.status(), 200);
    assert_eq!(outcome(server.unload("titanic", "dev").await).await, stale);
    assert_eq!(outcome(unload_as(&server, 4).await).await, stale);
    assert_eq!(served(&server).await, 1);
    assert_eq!(unload_as(&server, 6).await.status(), 204);
    for generation in [0, 5, 6] {
        assert_eq!(outcome(server.load_as("titanic", (&location, 1), generation).await).await, stale, "{generation}");
    }
    assert_eq!(server.load_as("titanic", (&location, 1), 7).await.status(), 200);
}

#[tokio::test]
async fn a_newer_deployment_that_failed_still_keeps_older_ones_out() {
    let place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    fs::write(place.artifacts().join("mlsys-models-dev/titanic/v2/model.onnx"), "rotten").unwrap();
    let server = place.serve().await;
    assert_eq!(server.load_as("titanic", (&first, 1), 5).await.status(), 200);
    let failed = outcome(server.load_as("titanic", (&second, 2), 7).await).await;
    assert_eq!(failed, (422, "digest_mismatch".to_owned()));
    assert_eq!(served(&server).await, 1);
    let late = outcome(server.load_as("titanic", (&first, 1), 6).await).await;
    assert_eq!(late, (409, "stale_generation".to_owned()));
    let ready: Value = server.get("/ready").await.json().await.unwrap();
    assert_eq!(ready["failed"][0]["code"], "digest_mismatch");
    assert_eq!(server.load_as("titanic", (&first, 1), 8).await.status(), 200, "taking it back is a newer deployment");
    let ready: Value = server.get("/ready").await.json().await.unwrap();
    assert_eq!(ready, json!({"status": "ready", "models": 1, "failed": []}));
}

#[tokio::test]
async fn a_list_that_is_older_than_what_is_served_changes_nothing() {
    let mut place = Place::new();
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let backend = BackendDouble::saying(list(3, [model("titanic", "dev", (&first, 1), 3)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 3 ready"]).await;
    assert_eq!(server.load_as("titanic", (&second, 2), 9).await.status(), 200);
    backend.until(&["titanic dev 2 9 ready"]).await;

    // It has seen change 8, and not 9.
    for models in [vec![model("titanic", "dev", (&first, 1), 8)], vec![]] {
        backend.list(list(8, models));
        backend.rounds(3).await;
        assert_eq!(served(&server).await, 2);
    }
    backend.until(&["titanic dev 2 9 ready"]).await;

    // The model was removed; a backend that has not seen that yet does not bring it back, nor does a late call.
    backend.list(list(10, []));
    backend.until(&[]).await;
    backend.list(list(9, [model("titanic", "dev", (&second, 2), 9)]));
    backend.rounds(3).await;
    assert_eq!(backend.report().unwrap().models, []);
    let late = outcome(server.load_as("titanic", (&second, 2), 9).await).await;
    assert_eq!(late, (409, "stale_generation".to_owned()));
    assert_eq!(outcome(server.predict("titanic", body()).await).await, (404, "model_not_found".to_owned()));
}
