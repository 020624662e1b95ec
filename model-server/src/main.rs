//! The model-server as a process of its own.

use anyhow::Result;
use model_server::{Config, ModelServer};
use service::{Settings, Shutdown, serve, telemetry};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let _telemetry = telemetry::init("model-server", "info,ort=warn");
    let config = Config::from_settings(&Settings::load(".env")?).await?;
    tracing::info!(?config, "starting");
    let shutdown = Shutdown::on_signals()?;
    let listener = TcpListener::bind(config.listen).await?;
    let server = ModelServer::start(config).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let ended = serve(listener, server.router(), shutdown).await;
    server.shutdown().await;
    Ok(ended?)
}
