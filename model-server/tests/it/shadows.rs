//! Versions that compute what others answer.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, list, model, shared},
    harness::{DEADLINE, Place, Server, manifest},
};

/// The number of a line of `/metrics`.
async fn number(server: &Server, line: &str) -> u64 {
    let text = server.get("/metrics").await.text().await.unwrap();
    let found = text.lines().find_map(|other| other.strip_prefix(line)?.strip_prefix(' '));
    found.map_or(0, |number| number.parse().unwrap())
}

/// How many rows of a model's version 2 agree, and how many do not.
async fn rows(server: &Server, name: &str) -> (u64, u64) {
    let line = |agrees| format!(r#"mlsys_model_shadow_rows_total{{model="{name}",version="2",agrees="{agrees}"}}"#);
    (number(server, &line("true")).await, number(server, &line("false")).await)
}

async fn count(server: &Server, name: &str, what: &str) -> u64 {
    number(server, &format!(r#"mlsys_model_shadow_{what}_total{{model="{name}",version="2"}}"#)).await
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, wait).await.is_ok(), "it does not come");
}

/// A server whose version 1 of a model answers, and version 2 computes so many of a hundred requests as well.
async fn shadowed(place: &mut Place, name: &str, packaged: [&str; 2], shadow: u32) -> (BackendDouble, Server) {
    let first = place.put_renamed(packaged[0], (name, 1), None).await;
    let second = place.put_renamed(packaged[1], (name, 2), None).await;
    let second = shared(0, model(name, "dev", (&second, 2), 2));
    let models = [model(name, "dev", (&first, 1), 1), contract::DesiredModel { shadow, ..second }];
    let backend = BackendDouble::saying(list(2, models)).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&[&format!("{name} dev 1 1 ready"), &format!("{name} dev 2 2 ready")]).await;
    // The shares are settled a moment after both are ready.
    let settled = server.share(name, &[(1, 100, 0), (2, 0, shadow)], 3).await;
    assert_eq!(settled.status(), 204);
    (backend, server)
}

#[tokio::test]
async fn a_shadow_computes_its_part_of_what_others_answer_and_is_seen_only_in_the_numbers() {
    let mut place = Place::new();
    let (_backend, server) = shadowed(&mut place, "shadowed", ["titanic-1", "titanic-2"], 50).await;
    let [first, second] = ["titanic-1", "titanic-2"].map(|name| manifest(name)["expected_output"]["predictions"].clone());
    let [one, two] = [&first, &second].map(|predictions| predictions.as_array().unwrap());
    let (agreeing, all) = (one.iter().zip(two).filter(|(one, two)| one == two).count() as u64, one.len() as u64);
    assert!(0 < agreeing && agreeing < all, "the versions differ in some rows");
    let body = json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string();
    for _ in 0..20 {
        let answer = server.answer("shadowed", body.clone()).await;
        assert_eq!((&answer["model_version"], &answer["predictions"]), (&json!(1), &first));
    }
    let wanted = (10 * agreeing, 10 * (all - agreeing));
    until(async || rows(&server, "shadowed").await == wanted).await;
    // What is asked of it by name is its own, and what the other refused is nothing to compare with.
    assert_eq!(server.answer("shadowed?version=2", body.clone()).await["predictions"], second);
    server.refusal("shadowed", "rubbish").await;
    assert_eq!(server.share("shadowed", &[(1, 100, 0), (2, 0, 100)], 4).await.status(), 204);
    server.answer("shadowed", body.clone()).await;
    until(async || rows(&server, "shadowed").await == (wanted.0 + agreeing, wanted.1 + all - agreeing)).await;
    let requests = r#"mlsys_model_requests_total{model="shadowed",version="2",protocol="rest",code="200"}"#;
    assert_eq!(number(&server, requests).await, 1);
    let seconds = r#"mlsys_model_shadow_duration_seconds_count{model="shadowed",version="2"}"#;
    assert_eq!(number(&server, seconds).await, 11);
    assert_eq!(count(&server, "shadowed", "errors").await + count(&server, "shadowed", "dropped").await, 0);
    // It ends.
    assert_eq!(server.share("shadowed", &[(1, 100, 0)], 5).await.status(), 204);
    server.answer("shadowed", body).await;
    assert_eq!(number(&server, seconds).await, 11);
    server.stop().await;
}

#[tokio::test]
async fn every_protocols_requests_are_computed_by_a_shadow_of_another_engine_and_schema() {
    let mut place = Place::new();
    let (_backend, server) = shadowed(&mut place, "polyglot", ["truths", "moody"], 100).await;
    let tensor = json!({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]});
    for (path, body) in [
        ("/predict/polyglot", json!({"inputs": [[1, 2], [3, 4]]})),
        ("/models/polyglot/invocations", json!({"inputs": [[1, 2]]})),
        ("/v2/models/polyglot/infer", tensor),
    ] {
        let answer = server.post(path).json(&body).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["x-model-version"]), (200, &"1".parse().unwrap()), "{path}");
    }
    until(async || rows(&server, "polyglot").await == (0, 4)).await;
    server.stop().await;
}

#[tokio::test]
async fn a_shadow_that_dies_hangs_or_refuses_rows_harms_nobody() {
    let mut place = Place::new();
    place.prediction_limit = Duration::from_secs(6);
    let (backend, server) = shadowed(&mut place, "haunted", ["truths", "moody"], 100).await;
    let ask = async |command: i32| {
        let answer: Value = server.answer("haunted", json!({"inputs": [[command, 0]]}).to_string()).await;
        assert_eq!(answer["model_version"], 1);
    };
    ask(-1).await;
    until(async || count(&server, "haunted", "errors").await == 1).await;
    until(async || {
        ask(7).await;
        rows(&server, "haunted").await.1 > 0
    })
    .await;
    // More than may wait while it hangs.
    ask(-2).await;
    stream::iter(0..400).for_each_concurrent(16, |_| ask(7)).await;
    assert!(count(&server, "haunted", "dropped").await > 0);
    // It goes with all that waits for it, though it hangs.
    assert_eq!(server.share("haunted", &[(1, 100, 0)], 4).await.status(), 204);
    ask(7).await;
    backend.until(&["haunted dev 1 4 ready"]).await;
    server.stop().await;

    let mut place = Place::new();
    let (_backend, server) = shadowed(&mut place, "misfit", ["truths", "prices"], 100).await;
    for _ in 0..3 {
        server.answer("misfit", r#"{"inputs":[[1,2]]}"#).await;
    }
    until(async || count(&server, "misfit", "errors").await == 3).await;
    server.stop().await;
}

#[tokio::test]
async fn a_shadow_answers_nobody_though_there_is_no_other() {
    let mut place = Place::new();
    let first = place.put("titanic-1", "titanic", 1).await;
    std::fs::write(place.artifacts().join("mlsys-models-dev/titanic/v1/model.onnx"), "rotten").unwrap();
    let second = place.put("titanic-2", "titanic", 2).await;
    let first = model("titanic", "dev", (&first, 1), 1);
    let second = contract::DesiredModel { shadow: 100, ..shared(0, model("titanic", "dev", (&second, 2), 2)) };
    let backend = BackendDouble::saying(list(2, [first.clone(), second.clone()])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 failed", "titanic dev 2 2 ready"]).await;
    let body = json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string();
    assert_eq!(server.predict("titanic", body.clone()).await.status(), 503);
    assert_eq!(server.answer("titanic?version=2", body.clone()).await["model_version"], 2, "but who names it");
    // One that only stands by does.
    backend.list(list(3, [first, contract::DesiredModel { shadow: 0, ..second }]));
    until(async || server.predict("titanic", body.clone()).await.status() == 200).await;
    server.stop().await;
}

/// `sched(7)`: its thread runs where a processor is idle, and gives way at once.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_shadow_gives_way_to_all_others() {
    /// The place of a thread's policy among the fields of `proc_pid_stat(5)`, after its name and state; and that of `SCHED_IDLE`.
    const POLICY: usize = 38;
    const IDLE: &str = "5";
    let mut place = Place::new();
    let (_backend, server) = shadowed(&mut place, "humble", ["titanic-1", "titanic-2"], 100).await;
    until(async || {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
        let shadows: Vec<_> = stats.filter(|stat| stat.contains("(shadow)")).collect();
        let is_idle = |stat: &String| stat.rsplit(") ").next().unwrap().split(' ').nth(POLICY) == Some(IDLE);
        !shadows.is_empty() && shadows.iter().all(is_idle)
    })
    .await;
    server.stop().await;
}
