//! Loading and unloading, and what survives.

use std::fs;

use artifacts::VersionLocation;
use serde_json::{Value, json};

use testkit::packaged;

use crate::harness::{Place, TOKEN, manifest, outcome, problem};

fn body() -> String {
    json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string()
}

#[tokio::test]
async fn internal_routes_want_the_token() {
    let place = Place::new();
    let server = place.serve().await;
    for path in ["/internal/load/titanic", "/internal/unload/titanic"] {
        assert_eq!(
            outcome(reqwest::Client::new().post(format!("{}{path}", server.url)).send().await.unwrap()).await,
            (401, "unauthorized".to_owned())
        );
        let wrong = server.post(path).bearer_auth(format!("{TOKEN}!")).send().await.unwrap();
        assert_eq!(outcome(wrong).await, (401, "unauthorized".to_owned()));
    }
}

#[tokio::test]
async fn a_load_that_fails_changes_nothing_and_says_why() {
    let place = Place::new();
    let server = place.serve().await;
    let good = place.put("titanic-1", "titanic", 1).await;
    server.loads("titanic", &good, 1, "dev").await;
    let remembered = fs::read_to_string(place.state().join("deployed.json")).unwrap();

    let other = |uri: String| VersionLocation { uri, sha256: good.sha256.clone() };
    let unlike = VersionLocation { uri: good.uri.clone(), sha256: "0".repeat(64) };
    let no_digest = VersionLocation { uri: good.uri.clone(), sha256: "../../x".to_owned() };
    let rotten = place.put("titanic-2", "titanic", 3).await;
    fs::write(place.artifacts().join("mlsys-models-dev/titanic/v3/model.onnx"), "rotten").unwrap();
    for (location, expected) in [
        (unlike, (422, "digest_mismatch")),
        (rotten, (422, "digest_mismatch")),
        (no_digest, (400, "bad_request")),
        (other(format!("{}9", good.uri)), (422, "artifact_missing")),
        (other(format!("file://{}", packaged("titanic-1").display())), (400, "uri_refused")),
        (other("s3://bucket/titanic/v1".to_owned()), (400, "uri_refused")),
    ] {
        let (status, code) = outcome(server.load("titanic", &location, 2, "dev").await).await;
        assert_eq!((status, code.as_str()), expected, "{location:?}");
    }
    let malformed =
        server.post("/internal/load/titanic").bearer_auth(TOKEN).json(&json!({"version": 1})).send().await.unwrap();
    assert_eq!(problem(malformed).await.code, "bad_request");

    assert_eq!(server.answer("titanic", body()).await["model_version"], 1);
    assert_eq!(fs::read_to_string(place.state().join("deployed.json")).unwrap(), remembered);
    assert_eq!(
        fs::read_dir(place.state().join("models/titanic")).unwrap().count(),
        1,
        "no copy of a refused version is left"
    );
}

#[tokio::test]
async fn a_package_that_cannot_be_served_is_refused_for_what_is_wrong() {
    let place = Place::new();
    let server = place.serve().await;
    for (version, (name, code)) in (1..).zip([
        ("fails-self-test", "self_test_failed"),
        ("foreign", "bad_manifest"),
        ("no-graph", "model_not_started"),
        ("no-environment", "environment_missing"),
        ("climbing-environment", "environment_missing"),
        ("unstartable", "model_not_started"),
    ]) {
        let location = place.put(name, "wrong", version).await;
        assert_eq!(outcome(server.load("wrong", &location, version, "dev").await).await, (422, code.to_owned()), "{name}");
        assert_eq!(outcome(server.predict("wrong", "[]").await).await, (404, "model_not_found".to_owned()));
    }
    server.stop().await;
}

#[tokio::test]
async fn an_older_version_can_be_loaded_again() {
    let place = Place::new();
    let server = place.serve().await;
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    for (location, version) in [(&first, 1), (&second, 2), (&first, 1), (&first, 1)] {
        let loaded = server.loads("titanic", location, version, "dev").await;
        assert_eq!((loaded.model_version, &loaded.sha256), (version, &location.sha256));
        assert_eq!(server.answer("titanic", body()).await["model_version"], version);
        assert_eq!(fs::read_dir(place.state().join("models/titanic")).unwrap().count(), 1, "only what is deployed is kept");
    }
}

#[tokio::test]
async fn an_unloaded_model_is_gone_from_its_environment_only() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 1).await;
    server.loads("titanic", &location, 1, "dev").await;
    server.loads("titanic", &location, 1, "prod").await;
    assert_eq!(server.unload("titanic", "prod").await.status(), 204);
    assert_eq!(outcome(server.predict("titanic?env=prod", body()).await).await, (404, "version_not_found".to_owned()));
    assert_eq!(server.answer("titanic", body()).await["model_version"], 1);
    assert_eq!(outcome(server.unload("titanic", "prod").await).await, (404, "model_not_found".to_owned()));
    assert_eq!(server.unload("titanic", "dev").await.status(), 204);
    assert_eq!(outcome(server.predict("titanic", body()).await).await, (404, "model_not_found".to_owned()));
}

#[tokio::test]
async fn what_is_deployed_survives_a_restart() {
    let place = Place::new();
    let server = place.serve().await;
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let prices = place.put("prices", "prices", 7).await;
    server.loads("titanic", &first, 1, "prod").await;
    server.loads("titanic", &second, 2, "dev").await;
    server.loads("prices", &prices, 7, "dev").await;
    server.stop().await;

    // The copies are enough, and a copy that rotted is fetched again.
    fs::rename(place.artifacts().join("mlsys-models-dev/prices"), place.artifacts().join("gone")).unwrap();
    let copy = place.state().join(format!("models/titanic/v1-{}", &first.sha256[..12]));
    fs::write(copy.join("model.onnx"), "rotten").unwrap();

    let server = place.serve().await;
    let ready = server.until("/ready", 200).await;
    assert_eq!(ready, json!({"status": "ready", "models": 3, "failed": []}));
    assert_eq!(server.answer("titanic", body()).await["model_version"], 1);
    assert_eq!(server.answer("titanic?env=dev", body()).await["model_version"], 2);
    assert_eq!(server.answer("prices", r#"{"inputs":[[1,2,3]]}"#).await["model_version"], 7);
}

#[tokio::test]
async fn a_model_that_cannot_be_brought_back_is_reported_and_stops_no_other() {
    let place = Place::new();
    let server = place.serve().await;
    let (titanic, prices) = (place.put("titanic-1", "titanic", 1).await, place.put("prices", "prices", 1).await);
    server.loads("titanic", &titanic, 1, "dev").await;
    server.loads("prices", &prices, 1, "dev").await;
    server.stop().await;
    fs::remove_dir_all(place.state().join("models/titanic")).unwrap();
    let bucket = place.artifacts().join("mlsys-models-dev/titanic");
    fs::rename(&bucket, place.artifacts().join("gone")).unwrap();

    let server = place.serve().await;
    let ready = server.until("/ready", 200).await;
    assert_eq!(
        (&ready["models"], &ready["failed"][0]["model_name"], &ready["failed"][0]["code"]),
        (&json!(1), &json!("titanic"), &json!("artifact_missing"))
    );
    assert_eq!(outcome(server.predict("titanic", body()).await).await, (503, "model_unavailable".to_owned()));
    server.answer("prices", r#"{"inputs":[[1,2,3]]}"#).await;

    // It is still meant to be served: once its files are back, so is it.
    server.stop().await;
    fs::rename(place.artifacts().join("gone"), &bucket).unwrap();
    let server = place.serve().await;
    server.until("/ready", 200).await;
    assert_eq!(server.answer("titanic", body()).await["model_version"], 1);
    let remembered: Value = serde_json::from_slice(&fs::read(place.state().join("deployed.json")).unwrap()).unwrap();
    assert_eq!(remembered["models"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_model_on_its_way_back_is_loading_and_not_unknown() {
    let place = Place::gated();
    let server = place.serve_one("boosted").await;
    server.stop().await;
    place.close_gate();
    let server = place.serve().await;
    assert_eq!(outcome(server.predict("boosted", "[]").await).await, (503, "model_loading".to_owned()));
    assert_eq!(server.get("/ready").await.status(), 503);
    assert_eq!(outcome(server.predict("unknown", "[]").await).await, (404, "model_not_found".to_owned()));
    place.open_gate();
    server.until("/ready", 200).await;
    assert_eq!(server.predict("boosted", r#"[{"a":1,"b":2}]"#).await.status(), 200);
    server.stop().await;
}
