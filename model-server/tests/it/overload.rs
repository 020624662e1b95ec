//! More requests than can be computed, and requests that nobody waits for.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    harness::{Place, Server, outcome},
    native::serve_trees,
};

/// A second's work for `moody`.
const SLOW: &str = r#"{"inputs":[[-4,0]]}"#;
const QUICK: &str = r#"{"inputs":[[1,2]]}"#;
const EXPECTED: &str = "x-envoy-expected-rq-timeout-ms";

/// How many were answered of so many at once; the others were turned away.
async fn answered(server: &Server, count: usize, target: &str, body: &str) -> usize {
    let asked = join_all((0..count).map(|_| server.predict(target, body.to_owned()))).await;
    let (good, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(|response| response.status() == 200);
    for response in refused {
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(outcome(response).await, (429, "overloaded".to_owned()));
    }
    good.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_what_is_answered_soon_is_turned_away_and_then_all_is_as_before() {
    let mut place = Place::new();
    place.queue = 256;
    let server = place.serve().await;
    // It is known for slow: its example takes a second.
    let example = json!({"input_example": {"inputs": [[-4, 0]]}, "expected_output": {"predictions": [-4]}});
    let location = place.put_changed("moody", ("slow", 1), &example).await;
    server.loads("slow", &location, 1, "dev").await;
    let good = answered(&server, 80, "slow", SLOW).await;
    assert!((4..24).contains(&good), "{good} of 80 that take a second each, by two processes");
    assert_eq!(answered(&server, 4, "slow", QUICK).await, 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_long_requests_of_a_native_model_each_is_answered_or_turned_away() {
    let place = Place::new();
    let server = place.serve().await;
    serve_trees(&place, &server, ("sums", true)).await;
    let rows = json!({ "inputs": vec![[1.0, 1.0, 1.0]; 1_000] }).to_string();
    let good = answered(&server, 60, "sums?explain=true", &rows).await;
    assert!(good >= 4, "{good}");
    assert_eq!(answered(&server, 4, "sums?explain=true", &rows).await, 4);
    server.stop().await;
}

#[tokio::test]
async fn a_callers_deadline_ends_a_prediction_by_every_protocol() {
    let place = Place::new();
    let server = place.serve_one("moody").await;
    let ask = |path: &str, body: &str, milliseconds: &str| {
        let request = server.post(path).header("content-type", "application/json").header(EXPECTED, milliseconds);
        request.body(body.to_owned()).send()
    };
    let tensor = json!({"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [-4, 0]});
    let slow = json!({"inputs": [tensor]}).to_string();
    let late = ask("/predict/moody", SLOW, "1").await.unwrap();
    assert_eq!(outcome(late).await, (504, "prediction_timeout".to_owned()));
    let late = ask("/models/moody/invocations", SLOW, "1").await.unwrap();
    assert_eq!(late.status(), 504);
    assert_eq!(late.json::<Value>().await.unwrap()["error_code"], "DEADLINE_EXCEEDED");
    assert_eq!(ask("/v2/models/moody/infer", &slow, "1").await.unwrap().status(), 504);
    for (microseconds, status) in [(1000, 504), (0, 200), (60_000_000, 200)] {
        let body = json!({"inputs": [tensor], "parameters": {"timeout": microseconds}}).to_string();
        let answer = ask("/v2/models/moody/infer", &body, "0").await.unwrap();
        assert_eq!(answer.status(), status, "{microseconds} µs");
    }
    for milliseconds in ["0", "60000"] {
        assert_eq!(ask("/predict/moody", QUICK, milliseconds).await.unwrap().status(), 200, "{milliseconds} ms");
    }
    for rubbish in ["soon", "-1", "1.5", ""] {
        let refused = ask("/predict/moody", QUICK, rubbish).await.unwrap();
        assert_eq!(outcome(refused).await, (400, "bad_request".to_owned()), "{rubbish:?}");
    }
    server.stop().await;
}
