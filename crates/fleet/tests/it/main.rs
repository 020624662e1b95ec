//! The fleet against servers that answer over real sockets as a model-server does.
#![expect(clippy::unwrap_used, reason = "tests")]

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::{get, post, put},
};
use contract::{Environment, LoadRequest, Share, TrafficRequest};
use fleet::{Fleet, LoadError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn fleet() -> Fleet {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Fleet::new("token").unwrap()
}

fn request() -> LoadRequest {
    let (uri, sha256) = ("file:///models/iris/v3".to_owned(), "0".repeat(64));
    LoadRequest { version: 3, uri, sha256, environment: Environment::dev(), generation: 7 }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A server that answers every load in one way.
async fn answers(status: u16, detail: &'static str) -> String {
    let load = async move |Path(name): Path<String>, headers: HeaderMap, Json(request): Json<LoadRequest>| {
        assert_eq!(headers["authorization"], "Bearer token");
        let loaded = json!({
            "model_name": name, "model_version": request.version, "environment": request.environment, "flavour": "onnx",
            "sha256": request.sha256, "loaded_at": "2026-01-01T00:00:00Z"
        });
        let problem = json!({
            "type": "about:blank", "title": "No", "status": status, "code": "no", "detail": detail, "request_id": "r"
        });
        (StatusCode::from_u16(status).unwrap(), Json(if status == 200 { loaded } else { problem }))
    };
    serve(Router::new().route("/internal/load/{name}", post(load))).await
}

/// An address that nobody listens on.
async fn unreachable() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn load(addresses: Vec<String>) -> Result<String, LoadError> {
    let name = "iris".parse().unwrap();
    fleet().load(addresses, &name, &request(), HeaderMap::new()).await.map(|reached| reached.to_string())
}

#[tokio::test]
async fn most_servers_are_enough_and_the_others_are_named() {
    assert_eq!(load(vec![answers(200, "").await]).await.unwrap(), "");
    let lagging = unreachable().await;
    let reached = load(vec![answers(200, "").await, lagging.clone(), answers(200, "").await]).await.unwrap();
    assert_eq!(reached, format!(" on 2 of 3 model-servers; {lagging} lags (can't be reached)"));
}

#[tokio::test]
async fn a_model_that_most_servers_refuse_is_refused_in_the_first_ones_words() {
    let refused =
        load(vec![answers(422, "it is broken").await, answers(422, "it is broken").await, unreachable().await]).await;
    assert!(matches!(refused, Err(LoadError::Refused(_))), "two of three: {refused:?}");
    let refused = load(vec![answers(422, "it is broken").await]).await.unwrap_err();
    assert_eq!(refused.to_string(), "it is broken");
}

#[tokio::test]
async fn servers_that_are_unreachable_busy_or_know_a_later_deployment_say_nothing_about_the_model() {
    for addresses in [vec![unreachable().await], vec![answers(429, "busy").await], vec![answers(409, "later").await]] {
        let unreached = load(addresses).await;
        assert!(matches!(unreached, Err(LoadError::Unreached { reached: 0, all: 1, .. })), "{unreached:?}");
    }
    let half = load(vec![answers(200, "").await, unreachable().await]).await;
    assert!(matches!(half, Err(LoadError::Unreached { reached: 1, all: 2, .. })), "half is not most: {half:?}");
    assert!(matches!(load(Vec::new()).await, Err(LoadError::NoServer)));
}

#[tokio::test]
async fn what_the_servers_count_is_added_up_and_an_unreachable_one_leaves_no_sum() {
    let numbers = |count: u64| {
        let text = format!(
            "mlsys_model_requests_total{{model=\"iris\",version=\"3\",protocol=\"rest\",code=\"200\"}} {count}\n\
             mlsys_model_request_duration_seconds_bucket{{model=\"iris\",version=\"3\",le=\"+Inf\"}} {count}\n"
        );
        let told = async move |headers: HeaderMap| {
            assert_eq!(headers["authorization"], "Bearer token");
            text
        };
        serve(Router::new().route("/metrics", get(told)))
    };
    let (name, two) = ("iris".parse().unwrap(), vec![numbers(3).await, numbers(4).await]);
    let traffic = fleet().traffic(two.clone(), &name).await.unwrap();
    let shown: Value = json!(traffic.iter().map(|one| json!([one.version, one.requests, one.errors])).collect::<Vec<_>>());
    assert_eq!((shown, traffic[0].buckets[0].count), (json!([[3, 7, 0]]), 7));
    let gone = unreachable().await;
    let error = fleet().traffic([two, vec![gone.clone()]].concat(), &name).await.unwrap_err();
    assert!(error.to_string().contains(&gone), "{error}");
    assert_eq!(fleet().traffic(Vec::new(), &name).await.unwrap(), []);
}

#[tokio::test]
async fn shares_reach_the_servers_that_take_them_and_the_others_are_left_to_follow() {
    let request = TrafficRequest {
        environment: Environment::dev(),
        generation: 8,
        shares: vec![Share { version: 3, weight: 90, shadow: 0 }, Share { version: 4, weight: 10, shadow: 5 }],
    };
    let answers = |status: u16| {
        let wanted = request.clone();
        let taken = async move |Path(name): Path<String>, headers: HeaderMap, Json(request): Json<TrafficRequest>| {
            assert_eq!((name.as_str(), headers["authorization"].as_bytes()), ("iris", &b"Bearer token"[..]));
            assert_eq!(request, wanted);
            StatusCode::from_u16(status).unwrap()
        };
        serve(Router::new().route("/internal/traffic/{name}", put(taken)))
    };
    let (takes, stale, older) = (answers(204).await, answers(409).await, serve(Router::new()).await);
    let all = vec![takes.clone(), stale, older, unreachable().await];
    let told = fleet().share(all, &"iris".parse().unwrap(), &request).await;
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [takes]);
}

#[tokio::test]
async fn what_each_server_counts_is_told_apart_and_an_unreachable_one_is_left_out() {
    let numbers = |count: u64| {
        let text =
            format!("mlsys_model_requests_total{{model=\"iris\",version=\"3\",protocol=\"rest\",code=\"500\"}} {count}\n");
        serve(Router::new().route("/metrics", get(async || text)))
    };
    let (one, two) = (numbers(3).await, numbers(4).await);
    let each = fleet().traffic_of_each(vec![one.clone(), unreachable().await, two.clone()], &"iris".parse().unwrap()).await;
    let mut told: Vec<_> = each.iter().map(|(address, versions)| (address.clone(), versions[&3].failures)).collect();
    told.sort_by_key(|(_, failures)| *failures);
    assert_eq!(told, [(one, 3), (two, 4)]);
}
