//! What is counted of requests, each sent as soon as the one before is answered.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::http::Connection;

/// A request is given up after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(20);

/// What is counted.
#[derive(Default)]
pub struct Tally {
    /// Of all requests that were answered well while measuring.
    latencies: Vec<Duration>,
    /// Also before measuring.
    accepted: u64,
    errors: u64,
    /// How many of these a server with too much to do refused: 429.
    refused: u64,
}

impl Tally {
    /// Counts an answer.
    pub async fn note(&mut self, status: Result<u16>, (sent, wanted): (Instant, u16), (measured, end): (Instant, Instant)) {
        match status {
            Ok(status) if status == wanted => {
                self.accepted += 1;
                let answered = Instant::now();
                // When they were sent does not count: of a server that takes a second for each, one would miss those of the first.
                if answered >= measured && answered <= end {
                    self.latencies.push(answered - sent);
                }
            }
            Ok(status) => {
                self.errors += 1;
                self.refused += u64::from(status == 429);
            }
            Err(_) => {
                self.errors += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// What all senders counted, who have ended.
    pub async fn report(senders: Vec<JoinHandle<Result<Self>>>, seconds: u64) -> Result<Value> {
        let mut all = Self::default();
        for sender in senders {
            let one = sender.await??;
            all.latencies.extend(one.latencies);
            all.accepted += one.accepted;
            all.refused += one.refused;
            all.errors += one.errors;
        }
        all.latencies.sort_unstable();
        let answered = f64::from(u32::try_from(all.latencies.len())?);
        Ok(json!({
            "rate": answered / Duration::from_secs(seconds).as_secs_f64(),
            "p50_ms": percentile(&all.latencies, 50),
            "p99_ms": percentile(&all.latencies, 99),
            "errors": all.errors,
            "refused": all.refused,
            "accepted": all.accepted,
        }))
    }
}

/// Sends a request over a connection, which is opened when there is none; the status. A connection that failed is gone.
pub async fn exchange(address: &str, connection: &mut Option<Connection>, request: &[u8]) -> Result<u16> {
    let answer = async {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(address).await?,
        };
        let status = open.exchange(request).await?;
        *connection = Some(open);
        Ok(status)
    };
    timeout(PATIENCE, answer).await.context("no answer in time")?
}

/// In milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let at = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
    sorted.get(at).map(|latency| latency.as_secs_f64() * 1e3)
}
