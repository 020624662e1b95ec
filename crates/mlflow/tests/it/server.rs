use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use mlflow::{Server, ServerConfig, ServerError};
use testkit::free_port;

use crate::{START, config, connect, fresh_directory, provide_tls};

/// Names the port, in the process that is to be killed.
const VICTIM: &str = "MLFLOW_TEST_VICTIM";

/// The processes of a server, its supervisor among them, by its port.
fn processes(port: u16) -> Vec<String> {
    let port = port.to_string();
    let lines =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    lines.filter(|line| line.contains("mlflow.server") && line.split('\0').any(|word| word == port)).collect()
}

fn assert_gone(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !processes(port).is_empty() {
        assert!(Instant::now() < deadline, "still there: {:?}", processes(port));
        std::thread::yield_now();
    }
}

#[tokio::test]
#[ignore = "run by the next test, as a process of its own"]
async fn victim() {
    let Some(port) = std::env::var(VICTIM).ok().and_then(|port| port.parse().ok()) else { return };
    let mut server = Server::start(config(&fresh_directory("victim"), port)).await.unwrap();
    provide_tls();
    server.wait_ready(START).await.unwrap();
    writeln!(std::io::stdout(), "ready").unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn a_server_does_not_outlive_a_process_that_is_killed() {
    let port = free_port();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["server::victim", "--exact", "--ignored", "--nocapture"])
        .env(VICTIM, port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(victim.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("ready")), "the victim's server starts");
    assert_eq!(processes(port).len(), 2);
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert_gone(port);
}

#[tokio::test]
async fn a_server_starts_again_with_what_it_kept_and_ends_when_asked() {
    let directory = fresh_directory("kept");
    let mut experiments = Vec::new();
    for _ in 0..2 {
        let port = free_port();
        let mut server = Server::start(config(&directory, port)).await.unwrap();
        provide_tls();
        server.wait_ready(START).await.unwrap();
        experiments.push(connect(server.url()).experiment_id("kept").await.unwrap());
        let page = reqwest::get(server.url()).await.unwrap().text().await.unwrap();
        assert!(page.contains("<html"), "the user interface is served");
        server.shutdown().await.unwrap();
        assert_gone(port);
        let log = fs::read_to_string(directory.join("server.log")).unwrap();
        assert!(log.contains("Application shutdown complete"), "{log}");
    }
    assert_eq!(experiments[0], experiments[1]);
}

#[tokio::test]
async fn a_server_dropped_before_it_was_ready_is_gone() {
    let port = free_port();
    let server = Server::start(config(&fresh_directory("dropped"), port)).await.unwrap();
    drop(server);
    assert_gone(port);
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    provide_tls();
    let directory = fresh_directory("failing");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = Server::start(config(&directory, taken.local_addr().unwrap().port())).await;
    assert!(matches!(busy, Err(ServerError::Start(_))));

    let python = |python: PathBuf| ServerConfig { python, ..config(&directory, free_port()) };
    assert!(matches!(Server::start(python(directory.join("nowhere"))).await, Err(ServerError::Start(_))));

    let broken = directory.join("python");
    fs::write(&broken, "#!/bin/sh\necho I am no Python\nexit 1\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::start(python(broken)).await.unwrap();
    let error = server.wait_ready(START).await.unwrap_err();
    assert!(matches!(&error, ServerError::Ended { log } if log.contains("I am no Python")), "{error}");

    let mut server = Server::start(config(&directory, free_port())).await.unwrap();
    let error = server.wait_ready(Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(error, ServerError::NotReady { .. }), "{error}");
    server.shutdown().await.unwrap();
}
