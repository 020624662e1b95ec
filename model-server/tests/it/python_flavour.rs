//! Models in processes of their own, which may be slow, die, or print.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Place, Server, assert_close, manifest, outcome};

fn command(number: i32) -> String {
    json!({"inputs": [[number, 0]]}).to_string()
}

/// The process group that serves the model.
async fn process(server: &Server) -> i64 {
    let answer = server.answer("moody", json!({"inputs": [[-3, 0], [0, 0], [0, 0]]}).to_string()).await;
    assert_eq!(answer["predictions"][0], json!(0.0), "the process knows no secret");
    assert_eq!(answer["predictions"][1], json!(1.0), "it leads a group of its own");
    #[expect(clippy::cast_possible_truncation, reason = "a process number")]
    let id = answer["predictions"][2].as_f64().unwrap() as i64;
    id
}

fn is_alive(process: i64) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until the model answers again.
async fn until_back(server: &Server) {
    let wait = async { while server.predict("moody", r#"{"inputs":[[1,2]]}"#).await.status() != 200 {} };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
}

#[tokio::test]
async fn a_model_without_an_onnx_form_is_served_by_its_own_library() {
    let place = Place::new();
    let server = place.serve_one("boosted").await;
    let manifest = manifest("boosted");
    let answer = server.answer("boosted", json!({ "dataframe_split": manifest["input_example"] }).to_string()).await;
    assert_eq!(answer["predictions"], manifest["expected_output"]["predictions"]);
    assert_eq!(answer["classes"], json!(["high", "low"]));
    assert_close(&answer["probabilities"], &manifest["expected_output"]["probabilities"], 1e-9);
    assert_eq!(server.answer("boosted", r#"[{"a":null,"b":7}]"#).await["predictions"], json!(["high"]));
    assert!(server.refusal("boosted", r#"[{"a":1,"b":"hunter2"}]"#).await.contains("\"b\""));
    server.stop().await;
}

#[tokio::test]
async fn answers_that_are_objects_are_json_in_every_protocol() {
    let place = Place::new();
    let server = place.serve_one("telling").await;
    let rows = json!({"inputs": [[1.0, 2.0], [3.0, 4.5]]});
    let told = |sum: f64, big: bool, parts: [f64; 2]| json!({"sum": sum, "big": big, "parts": parts, "none": null});
    let expected = [told(3.0, false, [1.0, 2.0]), told(7.5, true, [3.0, 4.5])];
    assert_eq!(server.answer("telling", rows.to_string()).await["predictions"], json!(expected));

    let response = server.post("/models/telling/invocations").json(&rows).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["predictions"], json!(expected));

    let tensor = json!({"inputs": [{"name": "inputs", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]});
    let response = server.post("/v2/models/telling/infer").json(&tensor).send().await.unwrap();
    let output = response.json::<Value>().await.unwrap()["outputs"][0].clone();
    assert_eq!((output["datatype"].as_str(), &output["shape"]), (Some("BYTES"), &json!([2, 1])));
    let read = |at: usize| serde_json::from_str::<Value>(output["data"][at].as_str().unwrap()).unwrap();
    assert_eq!([read(0), read(1)], expected);
    let model: Value = server.get("/v2/models/telling").await.json().await.unwrap();
    assert_eq!(model["outputs"], json!([{"name": "predict", "datatype": "BYTES", "shape": [-1, 1]}]));
    server.stop().await;
}

#[tokio::test]
async fn a_transformation_answers_rows_of_named_numbers() {
    let place = Place::new();
    let server = place.serve_one("doubling").await;
    let answer = server.answer("doubling", json!({"inputs": [[1.0, 2.0]]}).to_string()).await;
    assert_eq!((&answer["predictions"], &answer["columns"]), (&json!([[2.0, 4.0]]), &json!(["twice x", "twice y"])));
    let model: Value = server.get("/models/doubling").await.json().await.unwrap();
    assert_eq!(model["items"][0]["task"], json!("transformation"));
    server.stop().await;
}

#[tokio::test]
async fn a_models_process_has_no_secrets_and_ends_with_its_server() {
    let place = Place::new();
    let server = place.serve_one("moody").await;
    let process = process(&server).await;
    assert!(is_alive(process));
    server.stop().await;
    assert!(!is_alive(process));
}

#[tokio::test]
async fn an_unloaded_models_process_ends() {
    let place = Place::new();
    let server = place.serve_one("moody").await;
    let process = process(&server).await;
    assert_eq!(server.unload("moody", "dev").await.status(), 204);
    let gone = async {
        while is_alive(process) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
}

#[tokio::test]
async fn a_process_that_dies_is_started_again() {
    let place = Place::gated();
    let server = place.serve_one("moody").await;
    let before = process(&server).await;
    place.close_gate();
    assert_eq!(outcome(server.predict("moody", command(-1)).await).await, (503, "model_restarting".to_owned()));
    assert_eq!(outcome(server.predict("moody", command(1)).await).await, (503, "model_restarting".to_owned()));
    place.open_gate();
    until_back(&server).await;
    assert_ne!(process(&server).await, before);
    // Also when nobody is asking it anything.
    let idle = process(&server).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(idle).unwrap()), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    until_back(&server).await;
    assert_ne!(process(&server).await, idle);
    server.stop().await;
}

#[tokio::test]
async fn a_prediction_that_takes_too_long_is_ended_with_its_process() {
    let mut place = Place::new();
    place.prediction_limit = Duration::from_secs(2);
    let server = place.serve_one("moody").await;
    let process = process(&server).await;
    assert_eq!(outcome(server.predict("moody", command(-2)).await).await, (504, "prediction_timeout".to_owned()));
    until_back(&server).await;
    assert!(!is_alive(process));
    server.stop().await;
}

#[tokio::test]
async fn more_requests_than_the_queue_holds_are_turned_away_at_once() {
    let mut place = Place::new();
    place.queue = 2;
    let server = place.serve_one("moody").await;
    // Each takes a second.
    let asked = join_all((0..6).map(|_| server.predict("moody", command(-4)))).await;
    let statuses: Vec<_> = asked.iter().map(|response| response.status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    let turned_away = asked.into_iter().find(|response| response.status() == 429).unwrap();
    assert_eq!(turned_away.headers()["retry-after"], "1");
    assert_eq!(outcome(turned_away).await, (429, "overloaded".to_owned()));
    let answer: Value = server.answer("moody", command(1)).await;
    assert_eq!(answer["predictions"], json!([1.0]));
    server.stop().await;
}
