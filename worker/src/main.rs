//! The worker as a process of its own.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use service::Settings;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = worker::process::Cli::parse();
    worker::process::run(command, &Settings::load(".env")?).await
}
