//! The client against a real MLflow server, and the server's life.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod registry;
mod runs;
mod server;
mod unreachable;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use mlflow::{Client, NewRun, Run, Server, ServerConfig};
use testkit::free_port;
use tokio::runtime::Runtime;

/// Long enough for a server to start on a busy machine.
const START: Duration = Duration::from_mins(3);

/// The server that all tests share. It ends with this process.
struct Shared {
    server: Server,
    _runtime: Runtime,
}

/// Where the shared server answers.
fn url() -> String {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    // On a thread of its own: the server's runtime outlives that of the test that came first.
    SHARED.get_or_init(|| std::thread::spawn(start).join().unwrap()).server.url().to_owned()
}

/// A client of the shared server.
fn client() -> Client {
    connect(&url())
}

fn start() -> Shared {
    let directory = fresh_directory("shared");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let begun = Instant::now();
    let server = runtime.block_on(async {
        let mut server = Server::start(config(&directory, free_port())).await.unwrap();
        provide_tls();
        server.wait_ready(START).await.unwrap();
        server
    });
    eprintln!("MLflow was ready after {:?}", begun.elapsed());
    Shared { server, _runtime: runtime }
}

fn connect(url: &str) -> Client {
    provide_tls();
    Client::new(url, None).unwrap()
}

fn provide_tls() {
    // Fails where another test was first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}

fn config(directory: &Path, port: u16) -> ServerConfig {
    ServerConfig { python: testkit::python(), directory: directory.to_owned(), port, log_file: directory.join("server.log") }
}

/// An empty directory that outlives the test, for a server may outlive it by a moment.
fn fresh_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mlflow").join(name);
    let _was_there = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

async fn run(client: &Client, experiment: &str, tags: &[(&str, &str)]) -> Run {
    let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>();
    let experiment_id = client.experiment_id(experiment).await.unwrap();
    let new = NewRun { experiment_id, name: "a run".to_owned(), tags, start_time: Timestamp::now() };
    client.create_run(new).await.unwrap()
}
