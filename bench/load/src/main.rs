//! Load for the benchmarks, made to cost little itself: one thread, raw sockets, no more parsing than counting needs.
//!
//! - [`intake`]: pushes to a webhook, as fast as they are answered; `push`: what they say; `http`: how they are sent.
//! - [`follow`]: many followers of one log; `frames`: how its WebSocket is read.

mod follow;
mod frames;
mod http;
mod intake;
mod push;

use anyhow::Result;
use clap::Parser;

/// Load for the benchmarks. Prints what it measured as one line of JSON.
#[derive(Parser)]
#[command(name = "load", version)]
enum Cli {
    /// Sends pushes over some connections, each as soon as the one before is answered
    Intake(intake::Options),
    /// Follows a log over many connections; prints "connected" when all of them are open
    Follow(follow::Options),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let measured = match Cli::parse() {
        Cli::Intake(options) => intake::run(options).await?,
        Cli::Follow(options) => follow::run(options).await?,
    };
    say(&measured.to_string());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program's answer")]
fn say(line: &str) {
    println!("{line}");
}
