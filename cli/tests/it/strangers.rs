//! Strangers who hold connections open and send much: mlsys goes on, within its memory.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Mlsys, Notebook, Options, Project};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::BINARY;

const CONNECTIONS: usize = 500;
/// What each of them sends at most, in bytes.
const MUCH: usize = 2 << 20;

/// What a process has in memory, in bytes.
fn resident(pid: u32) -> usize {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("it runs");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

/// Connects and sends this, as much of it as is taken; keeps the connection until it is dropped.
async fn hold(address: String, head: String, body: usize) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(head.as_bytes()).await.ok()?;
    let block = vec![b'x'; 64 << 10];
    for _ in 0..body / block.len() {
        let sent = tokio::time::timeout(Duration::from_secs(2), stream.write_all(&block)).await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    Some(stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_send_slowly_or_much_keep_nobody_out_and_fill_no_memory() {
    let mlsys = Mlsys::start(BINARY, Options::default());
    let project = Project::new(&mlsys, "beset");
    mlsys.succeeded(project.push_notebook("n.ipynb", Notebook::valid("beset").json())).await;
    let before = resident(mlsys.pid());
    let (api, model_server) = (mlsys.api(""), mlsys.model_server(""));
    let places = [api, model_server].map(|url| url.trim_start_matches("http://").trim_end_matches('/').to_owned());
    let signed = format!("X-Hub-Signature-256: sha256={}\r\n", "0".repeat(64));
    let mut strangers = JoinSet::new();
    for number in 0..CONNECTIONS {
        let (place, path) = if number % 2 == 0 { (&places[0], "/webhook/github") } else { (&places[1], "/predict/beset") };
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{signed}");
        let (head, body) = match number % 5 {
            0 => (head, 0),
            1 => (format!("{head}Content-Length: 200000000\r\n\r\n"), MUCH),
            2 => (format!("{head}Content-Length: 26000000\r\n\r\n"), 1024),
            _ => (format!("{head}Content-Length: 26000000\r\n\r\n"), MUCH),
        };
        strangers.spawn(hold(place.clone(), head, body));
    }
    let (mut most, mut predicted) = (0, 0);
    let until = Instant::now() + Duration::from_secs(10);
    let mut held = Vec::new();
    let pushed = async { mlsys.succeeded(project.push_notebook("m.ipynb", Notebook::valid("beset").json())).await };
    let watched = async {
        while Instant::now() < until {
            held.extend(strangers.try_join_next().and_then(Result::ok));
            most = most.max(resident(mlsys.pid()));
            let (status, _) = mlsys.post(&mlsys.model_server("/predict/beset"), &json!([])).await;
            assert!(status < 500, "a prediction is answered: {status}");
            predicted += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(watched, pushed);
    let grown = most.saturating_sub(before) >> 20;
    println!("{CONNECTIONS} strangers: {grown} MB more, {predicted} predictions meanwhile");
    assert!(predicted > 50, "{predicted}");
    // Running the pipeline takes some as well.
    assert!(grown < 100, "{grown} MB");
}
