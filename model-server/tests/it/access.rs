//! Who may ask a model-server, and for how long.

use std::time::Instant;

use axum::http::Method;
use contract::{AccessList, Desired, Grant, ListedKey, Role};
use futures_util::future::join_all;
use reqwest::{Client, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    backend_double::{BackendDouble, list, model},
    grpc_client::{
        framed,
        proto::{InferTensorContents, ModelInferRequest, ModelReadyRequest, model_infer_request::InferInputTensor},
    },
    harness::{DEADLINE, Place, Server, outcome},
};

pub const OURS: &str = "octocat/prices";
const ROWS: &str = r#"{"inputs":[[1,2,3]]}"#;
const TENSORS: &str = r#"{"inputs":[{"name":"rows","shape":[1,3],"datatype":"FP64","data":[1,2,3]}]}"#;

pub fn listed(key: &str, grants: &[Grant]) -> ListedKey {
    ListedKey { sha256: hex::encode(Sha256::digest(key)), grants: grants.to_vec(), expires_at: None }
}

/// The keys that let somebody in.
pub fn keys(keys: impl IntoIterator<Item = ListedKey>) -> AccessList {
    let owners =
        [("prices".parse().unwrap(), OURS.parse().unwrap()), ("other".parse().unwrap(), "octocat/other".parse().unwrap())];
    AccessList { keys: keys.into_iter().collect(), owners: owners.into() }
}

fn with(access: AccessList, list: Desired) -> Desired {
    Desired { access: Some(access), ..list }
}

pub async fn ask(server: &Server, (method, path): (Method, &str), shown: Option<&str>) -> Response {
    let request = server.stranger.request(method, format!("{}{path}", server.url)).timeout(DEADLINE);
    let request = shown.map_or(request.try_clone().unwrap(), |shown| request.header("authorization", shown));
    let message = |name: &str| match name {
        "ModelInfer" => framed(&grpc_row()),
        "ModelReady" | "ModelMetadata" => framed(&ModelReadyRequest { name: "prices".to_owned(), version: String::new() }),
        _ => framed(&()),
    };
    let (kind, body) = match path {
        "/v2/repository/index" => ("application/json", b"{}".to_vec()),
        path if path.starts_with("/v2/") => ("application/json", TENSORS.into()),
        path if path.starts_with("/inference.") || path.starts_with("/grpc.") => {
            ("application/grpc", message(path.rsplit('/').next().unwrap()))
        }
        _ => ("application/json", ROWS.into()),
    };
    request.header("content-type", kind).body(body).send().await.unwrap()
}

/// The rows, for gRPC.
fn grpc_row() -> ModelInferRequest {
    let contents = InferTensorContents { fp64_contents: vec![1.0, 2.0, 3.0], ..InferTensorContents::default() };
    let row = InferInputTensor {
        name: "rows".to_owned(),
        datatype: "FP64".to_owned(),
        shape: vec![1, 3],
        contents: Some(contents),
        ..InferInputTensor::default()
    };
    ModelInferRequest { model_name: "prices".to_owned(), inputs: vec![row], ..ModelInferRequest::default() }
}

/// Predicts with a key, and gives the status.
async fn status(server: &Server, path: &str, key: &str) -> u16 {
    ask(server, (Method::POST, path), Some(&format!("Bearer {key}"))).await.status().as_u16()
}

/// Waits until a prediction with a key has this status.
async fn until(server: &Server, path: &str, key: &str, wanted: u16) {
    let wait = async { while status(server, path, key).await != wanted {} };
    assert!(tokio::time::timeout(DEADLINE, wait).await.is_ok(), "{key}: never {wanted}");
}

/// A server that serves prices in dev and prod, and a backend that says so and which keys there are.
pub async fn serving(access: AccessList) -> (Place, BackendDouble, Server) {
    let mut place = Place::new();
    let (one, other) = (place.put("prices", "prices", 1).await, place.put_as("prices", "other").await);
    let models = [
        model("prices", "dev", (&one, 1), 1),
        model("prices", "prod", (&one, 1), 2),
        model("other", "prod", (&other, 1), 3),
    ];
    let backend = BackendDouble::saying(with(access, list(3, models))).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    server.until("/ready", 200).await;
    (place, backend, server)
}

#[tokio::test]
async fn who_may_ask_in_one_environment_learns_of_no_other() {
    let grant = |role, environment: &str, model: Option<&str>| Grant {
        environment: environment.parse().ok(),
        model: model.map(|model| model.parse().unwrap()),
        ..Grant::everywhere(role)
    };
    let tester = listed("tester", &[grant(Role::Predictor, "dev", None)]);
    let shop = listed("shop", &[grant(Role::Predictor, "prod", Some("other"))]);
    let (_place, _backend, server) = serving(keys([tester, shop])).await;
    let known = async |path: &str, key: &str| {
        let answer = ask(&server, (Method::GET, path), Some(&format!("Bearer {key}"))).await;
        let answer: Value = answer.json().await.unwrap();
        let item =
            |item: &Value| format!("{} {}", item["model_name"].as_str().unwrap(), item["environment"].as_str().unwrap());
        answer["items"].as_array().unwrap().iter().map(item).collect::<Vec<_>>()
    };
    assert_eq!(known("/models", "tester").await, ["prices dev"]);
    assert_eq!(known("/models/prices", "tester").await, ["prices dev"]);
    assert_eq!(known("/models/other", "shop").await, ["other prod"]);
    // The other protocols tell them no more.
    let metadata = async |path: &str, key: &str| {
        let answer = ask(&server, (Method::GET, path), Some(&format!("Bearer {key}"))).await;
        answer.status().as_u16()
    };
    assert_eq!(metadata("/v2/models/prices", "tester").await, 200, "in dev");
    assert_eq!(metadata("/v2/models/prices?env=prod", "tester").await, 404);
    assert_eq!(metadata("/models/other/ping", "shop").await, 200);
    assert_eq!(metadata("/models/prices/ping", "shop").await, 403);
    let index = ask(&server, (Method::POST, "/v2/repository/index"), Some("Bearer tester")).await;
    let index: Value = index.json().await.unwrap();
    let ready = serde_json::json!([{"name": "prices", "version": "1", "state": "READY", "reason": ""}]);
    assert_eq!(index, ready, "what is only in prod is nothing to them");
    assert_eq!(status(&server, "/v2/models/prices/infer", "tester").await, 403);
    assert_eq!(status(&server, "/v2/models/prices/infer?env=dev", "tester").await, 200);
    assert_eq!(status(&server, "/models/prices/invocations", "tester").await, 403);
    // What the highest environment serves is no answer for who may not ask there.
    assert_eq!(status(&server, "/predict/prices", "tester").await, 403);
    assert_eq!(status(&server, "/predict/prices?env=dev", "tester").await, 200);
}

#[tokio::test]
async fn what_is_open_is_what_the_settings_say() {
    let mut place = Place::new();
    (place.open.predictions, place.open.metrics) = (vec!["prod".parse().unwrap()], true);
    let server = place.serve().await;
    let location = place.put("prices", "prices", 1).await;
    let asked = async |path: &str| ask(&server, (Method::POST, path), None).await.status().as_u16();
    server.loads("prices", &location, 1, "dev").await;
    assert_eq!((asked("/predict/prices").await, asked("/predict/prices?env=dev").await), (401, 401));
    server.loads("prices", &location, 1, "prod").await;
    assert_eq!((asked("/predict/prices").await, asked("/predict/prices?env=prod").await), (200, 200));
    for closed in ["?env=dev", "?env=staging", "?version=2"] {
        assert_eq!(asked(&format!("/predict/prices{closed}")).await, 401, "{closed}");
    }
    for unreadable in ["?env=moon", "?version=x", "?env=dev&env=prod"] {
        assert_eq!(asked(&format!("/predict/prices{unreadable}")).await, 400, "{unreadable}");
    }
    assert_eq!(asked("/predict/absent").await, 401);
    assert_eq!(ask(&server, (Method::GET, "/metrics"), None).await.status(), 200);
    assert_eq!(
        ask(&server, (Method::GET, "/metrics"), Some("Bearer wrong")).await.status(),
        503,
        "no list was heard of yet"
    );
}

/// Who was let in because dev is open gets no other answer than dev's, however long the body takes.
#[tokio::test]
async fn a_slow_client_of_an_open_environment_is_not_answered_by_what_was_deployed_meanwhile() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let address = server.url.trim_start_matches("http://");
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /predict/prices HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n", ROWS.len());
    slow.write_all(format!("{head}Expect: 100-continue\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    // It is let in, and asked for its body.
    let mut begun = [0; 12];
    tokio::time::timeout(DEADLINE, slow.read_exact(&mut begun)).await.unwrap().unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100");
    let second = place.put("prices", "prices", 2).await;
    server.loads("prices", &second, 2, "prod").await;
    slow.write_all(ROWS.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("\"model_version\":1,"), "{answer}");
    assert_eq!(server.answer("prices", ROWS).await["model_version"], 2, "prod is what others get");
}

#[tokio::test]
async fn keys_go_on_working_while_the_backend_is_down_and_end_when_they_are_revoked() {
    const PROD: &str = "/predict/prices?env=prod";
    let all = [Grant::everywhere(Role::Predictor)];
    let (place, mut backend, server) = serving(keys([listed("old", &all), listed("seldom", &all)])).await;
    assert_eq!(status(&server, PROD, "old").await, 200);
    backend.stop().await;
    assert_eq!(status(&server, PROD, "old").await, 200);
    server.stop().await;

    // Started again, with nobody to ask.
    let server = place.serve().await;
    server.until("/ready", 200).await;
    assert_eq!((status(&server, PROD, "old").await, status(&server, PROD, "seldom").await), (200, 200));
    assert_eq!(status(&server, PROD, "made up").await, 401);

    // The backend is back: one key was revoked meanwhile, another one made. What is deployed is as it was.
    backend.list(with(keys([listed("seldom", &all), listed("new", &all)]), backend.said()));
    backend.start_again().await;
    until(&server, PROD, "old", 401).await;
    until(&server, PROD, "new", 200).await;
    assert_eq!(status(&server, PROD, "seldom").await, 200);

    // A backend of an older version says nothing of keys, which is not that there are none.
    let now = backend.said();
    backend.list(Desired { access: None, change: now.change + 1, ..now });
    backend.rounds(3).await;
    assert_eq!((status(&server, PROD, "new").await, status(&server, PROD, "old").await), (200, 401));
    server.stop().await;
}

#[tokio::test]
async fn nobody_is_taken_for_unknown_before_the_first_list() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let answer = ask(&server, (Method::POST, "/predict/prices"), Some("Bearer mlsys_key")).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(outcome(answer).await, (503, "keys_unknown".to_owned()));
    assert_eq!(ask(&server, (Method::POST, "/predict/prices"), None).await.status(), 200, "dev is open");
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_reach_the_backend() {
    let (_place, backend, server) = serving(keys([listed("good", &[Grant::everywhere(Role::Predictor)])])).await;
    let (client, url) = (Client::new(), format!("{}/predict/prices?env=prod", server.url));
    let (before, since) = (backend.asked(), Instant::now());
    let mut refused = 0;
    for round in 0..40 {
        let one = |number: usize| client.post(&url).bearer_auth(format!("mlsys_{round}_{number}")).body(ROWS).send();
        let answers = join_all((0..50).map(one)).await;
        refused += answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 401).count();
    }
    assert_eq!(refused, 2000);
    // It asks every 0.8 s at the most, whoever comes.
    let asked = u64::try_from(backend.asked() - before).unwrap();
    assert!(u128::from(asked) <= since.elapsed().as_millis() / 800 + 2, "{asked} in {:?}", since.elapsed());
    assert_eq!(status(&server, "/predict/prices?env=prod", "good").await, 200);
}
