//! What all protocols have in common: limits, and errors in each one's words.

use futures_util::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{Place, Server};

/// The routes of a model's predictions, and where each says what is wrong.
const ROUTES: [(&str, &str, &str); 2] = [("models", "invocations", "message"), ("v2/models", "infer", "error")];

fn request(server: &Server, model: &str, (first, last, _): (&str, &str, &str)) -> reqwest::RequestBuilder {
    server.post(&format!("/{first}/{model}/{last}")).header("content-type", "application/json")
}

/// A row of two numbers, as each protocol has it.
fn row(route: &str, number: i32) -> String {
    match route {
        "infer" => json!({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [number, 0]}]}).to_string(),
        _ => json!({"inputs": [[number, 0]]}).to_string(),
    }
}

/// The status, and what is said in the protocol's words.
async fn said(response: Response, (_, _, key): (&str, &str, &str)) -> (u16, String) {
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers().contains_key("x-request-id"));
    let status = response.status().as_u16();
    let error: Value = response.json().await.unwrap();
    (status, error[key].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_model_with_too_much_in_hand_or_that_dies_says_so_in_every_protocol() {
    let mut place = Place::new();
    place.queue = 2;
    let server = place.serve_one("moody").await;
    for route in ROUTES {
        // Each takes a second.
        let ask = |number| request(&server, "moody", route).body(row(route.1, number)).send();
        let asked = join_all((0..6).map(|_| ask(-4))).await;
        let mut statuses: Vec<_> = asked.iter().map(|answer| answer.as_ref().unwrap().status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 429, 429, 429, 429]);
        for answer in asked.into_iter().map(Result::unwrap).filter(|answer| answer.status() == 429) {
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(
                said(answer, route).await,
                (429, "the model has as many requests as it can take; try again".to_owned())
            );
        }
        let (status, text) = said(ask(-1).await.unwrap(), route).await;
        assert_eq!((status, text.as_str()), (503, "the model's process ended while it had these rows: exit status: 3"));
        while ask(1).await.unwrap().status() != 200 {}
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_long_or_not_there_is_refused_in_every_protocol() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    for path in ["ping", "health", "version"] {
        let answer = server.get(&format!("/models/absent/{path}")).await;
        assert_eq!(said(answer, ROUTES[0]).await.0, 404, "{path}");
    }
    for route in ROUTES {
        let long = request(&server, "prices", route).body(vec![b' '; 64 * 1024 * 1024 + 1]).send().await.unwrap();
        assert_eq!(said(long, route).await.0, 413);
        for (target, status) in [("absent", 404), ("Not%20a%20name", 404)] {
            let answer = request(&server, target, route).body(row(route.1, 1)).send().await.unwrap();
            assert_eq!(said(answer, route).await.0, status, "{target}");
        }
        for (query, status) in [("?version=2", 404), ("?env=staging", 404), ("?env=moon", 400), ("?version=x", 400)] {
            let path = format!("/{}/prices/{}{query}", route.0, route.1);
            let answer = server.post(&path).body(row(route.1, 1)).send().await.unwrap();
            assert_eq!(said(answer, route).await.0, status, "{path}");
        }
        let wrong_method = server.get(&format!("/{}/prices/{}", route.0, route.1)).await;
        assert_eq!(wrong_method.headers()["allow"], "POST");
        assert_eq!(said(wrong_method, route).await.0, 405);
    }
}

/// Bodies that were damaged on their way.
#[tokio::test]
async fn damaged_bodies_are_answered_or_refused_and_never_more() {
    let place = Place::new();
    let server = place.serve_one("flowers").await;
    let inputs = json!([
        {"name": "length", "shape": [2, 1], "datatype": "FP16", "parameters": {"binary_data_size": 4}},
        {"name": "width", "shape": [2], "datatype": "INT64", "data": [[1], [2]], "parameters": {"content_type": "np"}},
        {"name": "note", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}},
    ]);
    let outputs = json!([{"name": "predict_proba"}, {"name": "predict", "parameters": {"binary_data": true}}]);
    let json = json!({"id": "1", "inputs": inputs, "outputs": outputs}).to_string();
    let binary = [json.as_bytes(), b"\x00\x3c\x00\x40", b"\x02\0\0\0ab"].concat();
    let table = br#"{"dataframe_split": {"columns": ["length", "width"], "data": [[1, 2.5], [-3e2, 0]]}}"#.to_vec();
    let csv = b"\xef\xbb\xbflength,\"width\"\r\n1,2.5\r\n\"-3e2\",0\r\n".to_vec();
    let mut state = 0x0dd_ba11_u64;
    let mut next = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 20).unwrap() % end
    };
    let (mut good, mut bad) = (0, 0);
    for round in 0..1500 {
        let (path, kind, whole) = [
            ("/v2/models/flowers/infer", "application/octet-stream", &binary),
            ("/models/flowers/invocations", "application/json", &table),
            ("/models/flowers/invocations", "text/csv", &csv),
        ][round % 3];
        let mut body = whole.clone();
        for _ in 0..next(3) {
            let at = next(body.len());
            match next(4) {
                0 => drop(body.remove(at)),
                1 => body.truncate(at.max(1)),
                2 => body[at] = b"0\",[]{}:-\n\xff\x00"[next(11)],
                _ => body[at] ^= 1 << next(8),
            }
        }
        let length = if next(20) == 0 { next(400) } else { json.len() };
        let request = server.post(path).header("content-type", kind).header("Inference-Header-Content-Length", length);
        let answer = request.body(body.clone()).send().await.unwrap();
        match answer.status().as_u16() {
            200 => good += 1,
            400 => bad += 1,
            other => panic!("{other}: {}", String::from_utf8_lossy(&body)),
        }
    }
    assert!(good > 400 && bad > 400, "{good} {bad}");
    server.stop().await;
}
