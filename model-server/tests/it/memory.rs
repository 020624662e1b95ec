//! Models that share a budget of memory, and sleep where it is not enough for all.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Place, Server, manifest, outcome, problem};

const QUICK: &str = r#"{"inputs":[[1,2]]}"#;
const ROWS: &str = r#"{"inputs":[[1,2,3]]}"#;

/// What `prices` counts for: the runtime does not tell, so that each of two sessions counts as large as the graph.
fn price() -> u64 {
    manifest("prices")["files"]["model.onnx"]["size"].as_u64().unwrap() * 2
}

/// A model as it is listed.
async fn listed(server: &Server, name: &str) -> Value {
    let list: Value = server.get(&format!("/models/{name}")).await.json().await.unwrap();
    list["items"][0].clone()
}

async fn state(server: &Server, name: &str) -> String {
    listed(server, name).await["state"].as_str().unwrap().to_owned()
}

async fn until_state(server: &Server, name: &str, wanted: &str) {
    let wait = async { while state(server, name).await != wanted {} };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
}

/// Asks until the model answers.
async fn until_answered(server: &Server, name: &str, body: &str) -> Value {
    let wait = async {
        loop {
            let response = server.predict(name, body.to_owned()).await;
            if response.status() == 200 {
                return response.json().await.unwrap();
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap()
}

/// A server with copies of `prices` in dev.
async fn serve_prices(place: &Place, names: &[&str]) -> Server {
    let server = place.serve().await;
    for name in names {
        let location = place.put_as("prices", name).await;
        server.loads(name, &location, 1, "dev").await;
    }
    server
}

#[tokio::test]
async fn what_a_model_takes_is_told() {
    let place = Place::new();
    let server = serve_prices(&place, &["weighed"]).await;
    let location = place.put("moody", "moody", 1).await;
    server.loads("moody", &location, 1, "dev").await;
    let known = listed(&server, "weighed").await;
    assert_eq!((&known["state"], &known["memory_bytes"]), (&json!("awake"), &json!(price())));
    assert_eq!(known["memory_measured"], false);
    let measured = listed(&server, "moody").await;
    assert!(measured["memory_measured"] == true && measured["memory_bytes"].as_u64().unwrap() > 1 << 20, "{measured}");
    let list: Value = server.get("/models").await.json().await.unwrap();
    assert_eq!(list["items"][1], {
        let mut item = known;
        for key in ["task", "signature"] {
            item.as_object_mut().unwrap().remove(key);
        }
        item
    });
    let line = format!("mlsys_model_memory_bytes{{model=\"weighed\",version=\"1\"}} {}", price());
    assert!(server.get("/metrics").await.text().await.unwrap().contains(&line));
    assert_eq!(server.unload("weighed", "dev").await.status(), 204);
    let gone = "mlsys_model_memory_bytes{model=\"weighed\",version=\"1\"} 0\n";
    let wait = async { while !server.get("/metrics").await.text().await.unwrap().contains(gone) {} };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn the_model_that_was_asked_least_recently_sleeps_and_wakes_when_it_is_asked() {
    let mut place = Place::new();
    place.memory_budget = Some(price() * 5 / 2);
    let server = serve_prices(&place, &["first", "second"]).await;
    let expected = server.answer("first", ROWS).await["predictions"].clone();
    let location = place.put_as("prices", "third").await;
    server.loads("third", &location, 1, "dev").await;
    assert_eq!(state(&server, "second").await, "asleep");
    assert_eq!((state(&server, "first").await, state(&server, "third").await), ("awake".to_owned(), "awake".to_owned()));
    assert_eq!(server.get("/ready").await.status(), 200);
    assert_eq!(server.get("/v2/models/second/ready").await.status(), 200);
    assert_eq!(listed(&server, "second").await["memory_bytes"], price(), "what it will take");
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("mlsys_model_memory_bytes{model=\"second\",version=\"1\"} 0\n"));

    assert_eq!(until_answered(&server, "second", ROWS).await["predictions"], expected);
    assert_eq!(state(&server, "second").await, "awake");
    let awake = [state(&server, "first").await, state(&server, "third").await];
    assert_eq!(awake.iter().filter(|state| *state == "awake").count(), 1, "and one of the others sleeps");
    server.stop().await;
}

#[tokio::test]
async fn two_models_that_do_not_fit_together_do_not_take_turns_with_every_request() {
    let mut place = Place::new();
    place.memory_budget = Some(price() * 3 / 2);
    let server = serve_prices(&place, &["left", "right"]).await;
    let refused = async {
        loop {
            for name in ["left", "right"] {
                let response = server.predict(name, ROWS).await;
                if response.status() != 200 {
                    return response;
                }
            }
        }
    };
    let refused = tokio::time::timeout(DEADLINE, refused).await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem = problem(refused).await;
    assert_eq!((problem.status, problem.code.as_str()), (503, "model_asleep"));
    assert!(problem.detail.contains("MODEL_SERVER_MEMORY_MB"), "{}", problem.detail);
    for name in ["left", "right"] {
        until_answered(&server, name, ROWS).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_model_that_takes_more_than_all_may_is_not_deployed() {
    let mut place = Place::new();
    place.memory_budget = Some(price() - 1);
    let server = place.serve().await;
    let location = place.put_as("prices", "huge").await;
    assert_eq!(outcome(server.load("huge", &location, 1, "dev").await).await, (422, "model_too_large".to_owned()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_with_a_request_in_hand_stays_awake_until_whoever_asked_has_gone() {
    let mut place = Place::new();
    place.queue = 1;
    place.prediction_limit = Duration::from_secs(50);
    let server = place.serve().await;
    for name in ["moody", "other"] {
        let location = place.put_as("moody", name).await;
        server.loads(name, &location, 1, "dev").await;
    }
    let taken = listed(&server, "moody").await["memory_bytes"].as_u64().unwrap();
    server.stop().await;
    place.memory_budget = Some(taken * 3 / 2);
    let server = place.serve().await;
    server.until("/ready", 200).await;
    until_answered(&server, "moody", QUICK).await;
    // It takes ten minutes.
    let (url, client) = (format!("{}/predict/moody", server.url), server.client.clone());
    let asked = tokio::spawn(async move {
        while client.post(&url).body(r#"{"inputs":[[-2,0]]}"#).send().await.unwrap().status() == 429 {}
    });
    let busy = async { while server.predict("moody", QUICK).await.status() != 429 {} };
    tokio::time::timeout(DEADLINE, busy).await.unwrap();
    assert_eq!(outcome(server.predict("other", QUICK).await).await, (503, "model_asleep".to_owned()));
    assert_eq!(state(&server, "moody").await, "awake");
    asked.abort();
    until_answered(&server, "other", QUICK).await;
    assert_eq!(state(&server, "moody").await, "asleep");
}

#[tokio::test]
async fn a_model_that_cannot_wake_says_why_and_is_tried_again() {
    let mut place = Place::new();
    place.memory_budget = Some(price() * 3 / 2);
    let server = serve_prices(&place, &["broken", "other"]).await;
    assert_eq!(state(&server, "broken").await, "asleep");
    let folder = std::fs::read_dir(place.state().join("models/broken")).unwrap().next().unwrap().unwrap().path();
    let (here, away) = (folder.join("model.onnx"), folder.join("away"));
    std::fs::rename(&here, &away).unwrap();
    let refused = async {
        loop {
            let problem = problem(server.predict("broken", ROWS).await).await;
            assert_eq!((problem.status, problem.code.as_str()), (503, "model_asleep"));
            if problem.detail.contains("does not start") {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.unwrap();
    std::fs::rename(&away, &here).unwrap();
    until_answered(&server, "broken", ROWS).await;
    server.stop().await;
}

#[tokio::test]
async fn after_a_restart_production_is_awake_and_the_others_wake_when_they_are_asked() {
    let mut place = Place::new();
    let server = serve_prices(&place, &["a-first", "b-second"]).await;
    let location = place.put_as("prices", "z-last").await;
    server.loads("z-last", &location, 1, "prod").await;
    server.stop().await;
    place.memory_budget = Some(price() * 3 / 2);
    let server = place.serve().await;
    let ready = server.until("/ready", 200).await;
    assert_eq!((&ready["models"], &ready["failed"]), (&json!(3), &json!([])));
    assert_eq!(state(&server, "z-last").await, "awake");
    for name in ["a-first", "b-second"] {
        assert_eq!(state(&server, name).await, "asleep");
    }
    until_answered(&server, "b-second", ROWS).await;
    until_state(&server, "z-last", "asleep").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_a_sleeping_model_waits_for_the_same_process() {
    let mut place = Place::gated();
    place.prediction_limit = Duration::from_secs(4);
    place.threads = 1;
    let server = place.serve().await;
    // Models of one Python environment are forked from a process that is there already, which no gate holds up.
    let versions = [place.put_as("moody", "one").await, place.put_late("moody", "two", 1).await];
    for (name, location) in ["one", "two"].into_iter().zip(&versions) {
        server.loads(name, location, 1, "dev").await;
    }
    server.stop().await;
    // A process counts for 96 MB until it was measured.
    place.memory_budget = Some(150 << 20);
    let server = place.serve().await;
    server.until("/ready", 200).await;
    let sleeper = if state(&server, "one").await == "asleep" { "one" } else { "two" };
    place.close_gate();
    let process = json!({"inputs": [[-3, 0], [0, 0], [0, 0]]}).to_string();
    let waking = async { while outcome(server.predict(sleeper, process.clone()).await).await.1 != "model_waking" {} };
    tokio::time::timeout(DEADLINE, waking).await.unwrap();
    let asked = async { join_all((0..8).map(|_| until_answered(&server, sleeper, &process))).await };
    let opened = async { place.open_gate() };
    let (answers, ()) = tokio::join!(asked, opened);
    assert!(answers.iter().all(|answer| answer["predictions"] == answers[0]["predictions"]), "{answers:?}");
    server.stop().await;
}
