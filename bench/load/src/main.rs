//! Load for the benchmarks, made to cost little itself: one thread, raw sockets, no more parsing than counting needs.
//!
//! - [`intake`]: pushes to a webhook, as fast as they are answered; `push`: what they say; `http`: how they are sent.
//! - [`predict`]: one body to a model, again and again; [`peers`]: what one would write by hand to answer it.
//! - [`follow`]: many followers of one log; `frames`: how its WebSocket is read.

mod follow;
mod frames;
mod http;
mod intake;
mod peers;
mod predict;
mod push;
mod tally;

use anyhow::Result;
use clap::Parser;
use tokio::runtime::Builder;

/// Load for the benchmarks. Prints what it measured as one line of JSON.
#[derive(Parser)]
#[command(name = "load", version)]
enum Cli {
    /// Sends pushes over some connections, each as soon as the one before is answered
    Intake(intake::Options),
    /// Follows a log over many connections; prints "connected" when all of them are open
    Follow(follow::Options),
    /// Sends one body over some connections, each time as soon as the last is answered
    Predict(predict::Options),
    /// Answers predictions as a server written by hand for one model
    Peer(peers::Options),
}

fn main() -> Result<()> {
    let command = Cli::parse();
    // A peer has all processors, as any server; load is to cost little.
    let mut runtime = match command {
        Cli::Peer(_) => Builder::new_multi_thread(),
        Cli::Intake(_) | Cli::Follow(_) | Cli::Predict(_) => Builder::new_current_thread(),
    };
    runtime.enable_all().build()?.block_on(run(command))
}

async fn run(command: Cli) -> Result<()> {
    let measured = match command {
        Cli::Intake(options) => intake::run(options).await?,
        Cli::Follow(options) => follow::run(options).await?,
        Cli::Predict(options) => predict::run(options).await?,
        Cli::Peer(options) => return peers::run(options).await,
    };
    say(&measured.to_string());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program's answer")]
fn say(line: &str) {
    println!("{line}");
}
