//! One body over some connections, again and again: each as soon as the one before is answered, or at a rate.

use std::{
    num::NonZeroU32,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::{task::LocalSet, time::sleep_until};

use crate::{
    http::Connection,
    intake::key,
    tally::{Tally, exchange},
};

/// What to send where.
#[derive(clap::Args)]
pub struct Options {
    /// The server, as host:port
    #[arg(long)]
    address: String,
    /// What is asked
    #[arg(long)]
    path: String,
    /// The file that is the body
    #[arg(long)]
    body: PathBuf,
    /// What the body is
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// A header beside, as "name: value"; may be given again
    #[arg(long = "header")]
    headers: Vec<String>,
    /// How many connections
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// How many requests a second to send over all connections; without it, each is sent as soon as the one before is answered
    #[arg(long)]
    rate: Option<NonZeroU32>,
    /// How long to send before measuring, in seconds
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// How long to measure, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Sends, and says what came of it.
pub async fn run(options: Options) -> Result<Value> {
    let body = std::fs::read(&options.body)?;
    let Options { address, path, content_type, headers, .. } = &options;
    let beside: String = headers.iter().flat_map(|header| [header.as_str(), "\r\n"]).collect();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\n{beside}{}", key());
    let request = format!("{head}Content-Length: {}\r\n\r\n", body.len());
    let request = Rc::new([request.as_bytes(), &body].concat());
    let (status, answer) = Connection::open(address).await?.fetch(&request).await?;
    ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&answer));
    let measured = Instant::now() + Duration::from_secs(options.warm_up);
    let end = measured + Duration::from_secs(options.seconds);
    let senders = LocalSet::new();
    let pause = options.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(options.connections.into()) / rate.get());
    let tasks: Vec<_> = (0..options.connections)
        .map(|number| {
            let pace = (Instant::now() + pause * number / options.connections, pause);
            senders.spawn_local(send(address.clone(), request.clone(), pace, (measured, end)))
        })
        .collect();
    senders.await;
    Tally::report(tasks, options.seconds).await
}

/// Sends no sooner than the pace says, one each pause.
async fn send(
    address: String,
    request: Rc<Vec<u8>>,
    (mut next, pause): (Instant, Duration),
    (measured, end): (Instant, Instant),
) -> Result<Tally> {
    let (mut tally, mut connection) = (Tally::default(), None);
    loop {
        if !pause.is_zero() {
            sleep_until(next.into()).await;
            next += pause;
        }
        let sent = Instant::now();
        if sent >= end {
            return Ok(tally);
        }
        let status = exchange(&address, &mut connection, &request).await;
        tally.note(status, (sent, 200), (measured, end)).await;
    }
}
