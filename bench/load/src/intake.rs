//! Pushes to a webhook over some connections, each as soon as the one before is answered.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::{task::LocalSet, time::timeout};

use crate::{
    http::Connection,
    push::{Pushes, repositories},
};

/// GitHub gives up on a delivery after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(20);
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

/// What is counted.
#[derive(Default)]
struct Tally {
    /// Of all accepted pushes that were sent and answered while measuring.
    latencies: Vec<Duration>,
    /// Also before measuring.
    accepted: u64,
    errors: u64,
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
    let mut all = Tally::default();
    for task in tasks {
        let one = task.await??;
        all.latencies.extend(one.latencies);
        all.accepted += one.accepted;
        all.errors += one.errors;
    }
    all.latencies.sort_unstable();
    Ok(json!({
        "rate": all.latencies.len() as u64 / options.seconds,
        "p50_ms": percentile(&all.latencies, 50),
        "p99_ms": percentile(&all.latencies, 99),
        "errors": all.errors,
        "accepted": all.accepted,
    }))
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
        match exchange(&address, &mut connection, &request).await {
            Ok(ACCEPTED) => {
                tally.accepted += 1;
                let answered = Instant::now();
                if sent >= measured && answered <= end {
                    tally.latencies.push(answered - sent);
                }
            }
            Ok(_) => tally.errors += 1,
            Err(_) => {
                tally.errors += 1;
                connection = None;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn exchange(address: &str, connection: &mut Option<Connection>, request: &[u8]) -> Result<u16> {
    let answer = async {
        let open = match connection.take() {
            Some(open) => open,
            None => Connection::open(address).await?,
        };
        Ok(connection.insert(open).exchange(request).await?)
    };
    timeout(PATIENCE, answer).await.context("no answer in time")?
}

/// In milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let at = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
    sorted.get(at).map(|latency| latency.as_secs_f64() * 1e3)
}
