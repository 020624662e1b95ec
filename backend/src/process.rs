//! The backend as a process of its own.

use anyhow::{Context, Result};
use assembly::Adapters;
use service::{Settings, Shutdown, telemetry};
use tokio::net::TcpListener;

use crate::{Backend, ProcessConfig};

/// Runs until told to stop.
///
/// # Errors
/// When a setting can't be used, or a server that is needed does not come up.
pub async fn run(settings: &Settings) -> Result<()> {
    let _telemetry = telemetry::init("backend", "info", settings);
    let config = ProcessConfig::from_settings(settings)?;
    tracing::info!(?config, "starting");
    let shutdown = Shutdown::on_signals()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("can't listen on {}: choose another MLSYS_PORT", config.listen))?;
    let adapters = Adapters::open(&config.connections, &shutdown).await?;
    let backend = Backend::new(config.backend, adapters, shutdown.token())?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    serve(backend, listener, shutdown).await
}

/// Answers requests and does what goes on beside them, until told to stop.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(backend: Backend, listener: TcpListener, shutdown: Shutdown) -> Result<()> {
    let worker = backend.clone();
    let working = tokio::spawn(async move { worker.work().await });
    let served = service::serve(listener, backend.router(), shutdown.clone()).await;
    shutdown.begin();
    working.await?;
    Ok(served?)
}
