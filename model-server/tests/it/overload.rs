//! More requests than can be computed, and requests that nobody waits for.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Place, outcome};

/// A second's work for `moody`.
const SLOW: &str = r#"{"inputs":[[-4,0]]}"#;
const QUICK: &str = r#"{"inputs":[[1,2]]}"#;
const EXPECTED: &str = "x-envoy-expected-rq-timeout-ms";

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_what_a_model_may_have_in_hand_is_turned_away_and_then_all_is_as_before() {
    let mut place = Place::new();
    place.queue = 4;
    let server = place.serve_one("moody").await;
    for _ in 0..2 {
        let asked = join_all((0..40).map(|_| server.predict("moody", SLOW))).await;
        let statuses: Vec<_> = asked.iter().map(|response| response.status().as_u16()).collect();
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        assert!((4..40).contains(&count(200)) && count(200) + count(429) == 40, "{statuses:?}");
        let refused = asked.iter().filter(|response| response.status() == 429);
        assert!(refused.clone().all(|response| response.headers()["retry-after"] == "1"));
        let after = join_all((0..4).map(|_| server.predict("moody", QUICK))).await;
        assert!(after.iter().all(|response| response.status() == 200), "{after:?}");
    }
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
