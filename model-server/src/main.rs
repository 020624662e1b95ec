//! The model-server as a process of its own.

use anyhow::Result;
use model_server::{Config, ModelServer};
use service::{Settings, Shutdown, telemetry};
use tokio::net::TcpListener;

fn main() -> Result<()> {
    allocator::give_back_soon();
    run()
}

#[tokio::main]
async fn run() -> Result<()> {
    let settings = Settings::load(".env")?;
    let _telemetry = telemetry::init("model-server", "info,ort=warn", &settings);
    let config = Config::from_settings(&settings)?;
    tracing::info!(?config, "starting");
    sandbox::make_undumpable();
    sandbox::begin(config.sandbox)?;
    let shutdown = Shutdown::on_signals()?;
    let listener = TcpListener::bind(config.listen).await?;
    let server = ModelServer::start(config).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    Ok(server.serve(listener, shutdown).await?)
}
