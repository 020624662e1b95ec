//! The backend as a process of its own.

use anyhow::{Context, Result};
use bus::{BusError, LogHub, Queue};
use forge::{GitHub, Host, LocalGit};
use service::{Secret, Settings, Shutdown, telemetry, when_up};
use store::{Store, StoreError};
use tokio::net::TcpListener;

use crate::{Adapters, Backend, ProcessConfig};

/// Runs until told to stop.
///
/// # Errors
/// When a setting can't be used, or a server that is needed does not come up.
pub async fn run(settings: &Settings) -> Result<()> {
    let _telemetry = telemetry::init("backend", "info");
    let config = ProcessConfig::from_settings(settings)?;
    tracing::info!(?config, "starting");
    let shutdown = Shutdown::on_signals()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("can't listen on {}: choose another MLSYS_PORT", config.listen))?;
    let adapters = adapters(&config, &shutdown).await?;
    let backend = Backend::new(config.backend, adapters, shutdown.token())?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let worker = backend.clone();
    let working = tokio::spawn(async move { worker.work().await });
    let served = service::serve(listener, backend.router(), shutdown.clone()).await;
    shutdown.begin();
    working.await?;
    Ok(served?)
}

async fn adapters(config: &ProcessConfig, shutdown: &Shutdown) -> Result<Adapters> {
    let connections = &config.connections;
    std::fs::create_dir_all(&connections.home)
        .with_context(|| format!("MLSYS_HOME {} can't be made", connections.home.display()))?;
    let away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let database = connections.database_url.expose();
    let store = when_up("the database", shutdown, away, async || Store::open(database).await).await?;
    let url = connections.queue_url.expose();
    let away = |error: &BusError| matches!(error, BusError::Unavailable(_));
    let queue = when_up("the queue", shutdown, away, async || Queue::open(url).await).await?;
    let hub = match &connections.redis_url {
        Some(url) => LogHub::redis(url.expose())?,
        None => LogHub::in_memory(),
    };
    let github = GitHub::new(&connections.github_api_url, connections.github_token.as_ref().map(Secret::expose))?;
    let local = Host::Local(LocalGit { root: connections.home.join("git") });
    let mlflow = mlflow::Client::new(&connections.mlflow_url, None)?;
    let artifacts = artifacts::Store::open(&config.artifacts.address, config.artifacts.access())?;
    Ok(Adapters { store, queue, hub, local, github: Host::GitHub(github), mlflow, artifacts })
}
