//! `mlsys`: push a notebook, get a deployed model.
//!
//! - `commands`: one file a command.
//! - `stack`: API, worker, model-server and MLflow in one process, as `up` and `demo` start them.
//! - `home`: the layout of `MLSYS_HOME`.
//! - `outbox`: pushes to the local remote, on their way to the API.
//! - `table`: lists for people.
//! - `settings`: every setting, with its default and meaning.
//! - `client`: the API, as a client sees it; `credentials`: what it shows it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod client;
mod commands;
mod credentials;
mod home;
mod outbox;
mod progress;
mod settings;
mod stack;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    allocator::give_back_soon();
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = commands::Cli::parse();
    match Box::pin(commands::run(command)).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
