//! A process of its own: this test binary once more, told by its environment to be a server.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::Query, routing::get};
use serde::Deserialize;
use service::{Shutdown, layers, serve, telemetry};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};
use tracing::Instrument;

const ROLE: &str = "SERVICE_TEST_ROLE";
const LISTENING: &str = "listening on ";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Asked {
    to: Option<String>,
    parent: Option<String>,
}

/// Where it is said, this test is the server; else it is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "its parent reads the address there")]
async fn a_process_serves_until_its_standard_input_ends() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let _telemetry = telemetry::init("double", "info", &service::Settings::default());
    let router = Router::new()
        .route("/trace", get(|| async { telemetry::current_traceparent().unwrap_or_default() }))
        .route("/hop", get(hop))
        .route("/pipeline", get(pipeline))
        .merge(telemetry::metrics::routes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{LISTENING}http://{}", listener.local_addr().unwrap());
    let shutdown = Shutdown::new();
    let wish = shutdown.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        wish.begin();
    });
    serve(listener, layers(router), service::Network::default(), shutdown).await.unwrap();
}

/// Asks another process, and answers with what a row would keep: where this one's trace is.
async fn hop(Query(asked): Query<Asked>) -> String {
    let calls = async {
        let other = crate::client().get(asked.to.unwrap()).headers(telemetry::trace_headers());
        other.send().await.unwrap().error_for_status().unwrap();
        telemetry::current_traceparent().unwrap_or_default()
    };
    calls.instrument(tracing::info_span!("call")).await
}

/// Goes on with a trace that was stored, apart from the request, as a worker does.
async fn pipeline(Query(asked): Query<Asked>) {
    let span = tracing::info_span!(parent: None, "pipeline", pipeline.id = "p-7", trace_id = tracing::field::Empty);
    telemetry::continue_trace(&span, &asked.parent.unwrap());
    async { tracing::info!("carried on") }.instrument(span).await;
}

pub struct Process {
    pub url: String,
    child: Child,
    log: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl Process {
    pub async fn start(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "process::a_process_serves_until_its_standard_input_ends", "--nocapture"]);
        command.env(ROLE, "server").env_remove("RUST_LOG").envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        let url = async {
            loop {
                let line = stdout.next_line().await.unwrap().unwrap();
                if let Some((_, url)) = line.split_once(LISTENING) {
                    break url.to_owned();
                }
            }
        };
        let url = timeout(PATIENCE, url).await.unwrap();
        // What libtest says at the end must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = stdout.next_line().await {} });
        Self { url, child, log, reading }
    }

    pub async fn get(&self, path: &str) -> String {
        let answer = crate::client().get(format!("{}{path}", self.url)).send().await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    }

    /// Ends it as its owner would, and returns how long that took, and its log.
    pub async fn stop(mut self) -> (Duration, String) {
        let started = Instant::now();
        drop(self.child.stdin.take());
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        let took = started.elapsed();
        timeout(PATIENCE, self.reading).await.unwrap().unwrap();
        let log = self.log.lock().unwrap().clone();
        assert!(status.success(), "{status}: {log}");
        (took, log)
    }
}
