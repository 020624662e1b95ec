//! The backend as a process of its own.

use anyhow::Result;
use clap::Parser;
use service::Settings;

/// REST, the webhook, and live logs. Settings are environment variables; `mlsys settings` lists them.
#[derive(Parser)]
#[command(name = "backend", version)]
struct Cli;

#[tokio::main]
async fn main() -> Result<()> {
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Cli = Cli::parse();
    backend::run(&Settings::load(".env")?).await
}
