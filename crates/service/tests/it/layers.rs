//! The layers as a client sees them: real sockets, real requests.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::ws::WebSocketUpgrade,
    http::StatusCode,
    routing::{get, post},
};
use contract::Problem;
use reqwest::{Client, Response};
use service::{ApiError, Secret, Shutdown, layers, protect, serve};
use tokio::{net::TcpListener, task::JoinHandle};

/// `/slow` says when it was entered, and ends once the server was asked to.
fn router(entered: tokio::sync::mpsc::Sender<()>, shutdown: Shutdown) -> Router {
    let slow = move || {
        let (entered, shutdown) = (entered.clone(), shutdown.clone());
        async move {
            entered.send(()).await.unwrap();
            shutdown.requested().await;
            tokio::task::yield_now().await;
            "done"
        }
    };
    Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route("/refused", get(|| async { ApiError::new(StatusCode::CONFLICT, "taken", "it is taken") }))
        .route("/panic", get(|| async { panic!("on purpose") as &'static str }))
        .route("/json", post(|Json(_): Json<u32>| async {}))
        .route("/slow", get(slow))
        .route("/socket", get(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(|_| async {}) }))
        .merge(protect(Router::new().route("/internal", get(|| async { "in" })), Secret::new("token")))
}

struct Server {
    url: String,
    client: Client,
    shutdown: Shutdown,
    served: JoinHandle<std::io::Result<()>>,
    entered: tokio::sync::mpsc::Receiver<()>,
}

impl Server {
    async fn start() -> Self {
        // Another test of the process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = Shutdown::new();
        let (sender, entered) = tokio::sync::mpsc::channel(1);
        let served = tokio::spawn(serve(
            listener,
            layers(router(sender, shutdown.clone())),
            service::Network::default(),
            shutdown.clone(),
        ));
        let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        Self { url, client, shutdown, served, entered }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }
}

async fn problem(response: Response) -> Problem {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let status = response.status();
    let problem: Problem = response.json().await.unwrap();
    assert_eq!((problem.status, &problem.request_id), (status.as_u16(), &id));
    problem
}

#[tokio::test]
async fn every_error_is_a_problem_that_names_the_request() {
    let server = Server::start().await;
    for (path, status, code) in [
        ("/refused", 409, "taken"),
        ("/panic", 500, "internal"),
        ("/nothing", 404, "not_found"),
        ("/internal", 401, "unauthorized"),
    ] {
        let problem = problem(server.get(path).await).await;
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{path}");
    }
    let wrong_method = server.client.delete(format!("{}/ok", server.url)).send().await.unwrap();
    assert_eq!(wrong_method.headers()["allow"], "GET,HEAD");
    assert_eq!(problem(wrong_method).await.code, "method_not_allowed");
    let rejected = server.client.post(format!("{}/json", server.url)).body("1").send().await.unwrap();
    assert_eq!(problem(rejected).await.code, "unsupported_media_type");
}

#[tokio::test]
async fn a_clients_request_id_is_kept_unless_it_would_spoil_the_log() {
    let server = Server::start().await;
    for (sent, kept) in [("abc-1", true), ("has space", false), (&"x".repeat(129), false)] {
        let answer = server.client.get(format!("{}/ok", server.url)).header("x-request-id", sent).send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"] == sent, kept, "{sent}");
    }
    assert_eq!(server.get("/ok").await.headers()["x-request-id"].len(), 36);
}

#[tokio::test]
async fn protected_routes_want_the_token() {
    let server = Server::start().await;
    for (header, status) in
        [("Bearer token", 200), ("bearer token", 200), ("Bearer toke", 401), ("Basic token", 401), ("Bearer ", 401)]
    {
        let answer =
            server.client.get(format!("{}/internal", server.url)).header("authorization", header).send().await.unwrap();
        assert_eq!(answer.status(), status, "{header:?}");
    }
}

#[tokio::test]
async fn a_websocket_upgrade_passes_the_layers() {
    let server = Server::start().await;
    let upgrade = server
        .client
        .get(format!("{}/socket", server.url))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(upgrade.send().await.unwrap().status(), 101);
}

#[tokio::test]
async fn a_request_in_hand_ends_before_the_server_does() {
    let mut server = Server::start().await;
    let slow = tokio::spawn(server.client.get(format!("{}/slow", server.url)).send());
    server.entered.recv().await.unwrap();
    server.shutdown.begin();
    assert_eq!(slow.await.unwrap().unwrap().text().await.unwrap(), "done");
    tokio::time::timeout(Duration::from_secs(10), server.served).await.unwrap().unwrap().unwrap();
}
