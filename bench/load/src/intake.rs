//! Pushes to a webhook over some connections, each as soon as the one before is answered.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::{
    http::Connection,
    push::{Pushes, repositories},
    tally::{Tally, exchange},
};

/// What the answer to an accepted push is.
const ACCEPTED: u16 = 202;

/// What to send where.
#[derive(clap::Args)]
pub struct Options {
    /// The server, as host:port
    #[arg(long)]
    address: String,
    /// What pushes are signed with
    #[arg(long, default_value = "bench-secret-7f3a")]
    secret: String,
    /// How many connections
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long to send before measuring, in seconds
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many pushes are signed ahead; running out of them is an error
    #[arg(long, default_value_t = 400_000)]
    pushes: usize,
    /// Pushes of another seed are other pushes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Register the repositories at POST /api/repos first
    #[arg(long)]
    register: bool,
}

/// Sends, and says what came of it.
pub async fn run(options: Options) -> Result<Value> {
    let secret = options.secret.as_str();
    let secrets = if options.register {
        register(&options.address, secret).await?
    } else {
        repositories().map(|_| secret.to_owned()).collect()
    };
    let pushes = Rc::new(Pushes::signed(&options.address, &secrets, options.seed, options.pushes)?);
    let (next, begin) = (Rc::new(Cell::new(0)), Instant::now());
    let measured = begin + Duration::from_secs(options.warm_up);
    let end = measured + Duration::from_secs(options.seconds);
    let senders = LocalSet::new();
    let tasks: Vec<_> = (0..options.connections)
        .map(|_| senders.spawn_local(send(options.address.clone(), pushes.clone(), next.clone(), (measured, end))))
        .collect();
    senders.await;
    Tally::report(tasks, options.seconds).await
}

/// The header that shows the key of `MLSYS_API_KEY`, if there is one.
pub(crate) fn key() -> String {
    std::env::var("MLSYS_API_KEY").map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"))
}

/// Registers the repositories; what the pushes of each are signed with: its own secret, where the answer has one, else `common`.
async fn register(address: &str, common: &str) -> Result<Vec<String>> {
    let mut connection = Connection::open(address).await?;
    let mut secrets = Vec::new();
    for full_name in repositories() {
        let body = json!({ "full_name": full_name, "branch": "main", "notebook_glob": "notebooks/*.ipynb" }).to_string();
        let head = format!("POST /api/repos HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{}", key());
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let (status, body) = connection.fetch(request.as_bytes()).await?;
        ensure!(status == 201, "registering {full_name} was answered with {status}");
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        secrets.push(answer["webhook_secret"].as_str().unwrap_or(common).to_owned());
    }
    Ok(secrets)
}

async fn send(
    address: String,
    pushes: Rc<Pushes>,
    next: Rc<Cell<usize>>,
    (measured, end): (Instant, Instant),
) -> Result<Tally> {
    let (mut tally, mut connection, mut request) = (Tally::default(), None, Vec::new());
    loop {
        request.clear();
        ensure!(pushes.write(next.replace(next.get() + 1), &mut request)?, "all pushes are sent: sign more with --pushes");
        let sent = Instant::now();
        if sent >= end {
            return Ok(tally);
        }
        let status = exchange(&address, &mut connection, &request).await;
        tally.note(status, (sent, ACCEPTED), (measured, end)).await;
    }
}
