//! The backend as a process of its own.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use assembly::Adapters;
use service::{Settings, Shutdown, telemetry};
use store::StoreError;
use tokio::net::TcpListener;

use crate::{Backend, ProcessConfig};

/// Runs until told to stop.
///
/// # Errors
/// When a setting can't be used, or a server that is needed does not come up.
pub async fn run(settings: &Settings) -> Result<()> {
    let _telemetry = telemetry::init("backend", "info", settings);
    sandbox::make_undumpable();
    let config = ProcessConfig::from_settings(settings)?;
    tracing::info!(?config, "starting");
    let shutdown = Shutdown::on_signals()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("can't listen on {}: choose another MLSYS_PORT", config.listen))?;
    let adapters = Adapters::open(&config.connections, &shutdown).await?;
    let base = base(&config, listener.local_addr()?);
    let backend = Backend::new(config.backend, adapters, None, shutdown.token())?;
    invite(&backend, &base).await.with_context(|| {
        format!("nobody could sign in, so {} is not served: people are kept in the database", config.listen)
    })?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    serve(backend, listener, shutdown).await
}

/// Where browsers reach what listens here.
fn base(config: &ProcessConfig, listening: SocketAddr) -> String {
    let own = || match listening.ip() {
        ip if ip.is_unspecified() => format!("http://localhost:{}", listening.port()),
        ip if config.backend.network.has_tls() && !ip.is_loopback() => format!("https://{listening}"),
        _ => format!("http://{listening}"),
    };
    config.backend.public_url.as_ref().map_or_else(own, |url| url.as_str().to_owned())
}

/// Says how the first person gets in, where nobody can yet. It is no line of the log: whoever reads it can sign in.
#[expect(clippy::print_stderr, reason = "a secret that is shown once")]
async fn invite(backend: &Backend, base: &str) -> Result<()> {
    if let Some(address) = backend.first_invitation(base).await? {
        eprintln!(
            "Nobody can sign in to this mlsys yet. Within a week, its first administrator chooses a password at\n    {address}"
        );
    }
    Ok(())
}

/// Seals the secrets of before with the key of now. What can't be sealed or opened is said, and everything else goes on.
async fn seal_secrets(backend: &Backend) {
    match backend.store.intake.seal_all().await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "secrets were sealed with the newest key"),
        Err(error @ StoreError::Sealed(_)) => tracing::warn!("{error}"),
        Err(error) => tracing::error!(%error, "secrets of before could not be sealed; the next start tries again"),
    }
}

/// Answers requests and does what goes on beside them, until told to stop.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(backend: Backend, listener: TcpListener, shutdown: Shutdown) -> Result<()> {
    seal_secrets(&backend).await;
    let worker = backend.clone();
    let working = tokio::spawn(async move { worker.work().await });
    let network = backend.config.network.clone();
    let direct = backend.answers();
    let answer = move |request| Arc::clone(&direct).answer(request);
    let served = service::serve_with(listener, answer, network, shutdown.clone()).await;
    shutdown.begin();
    working.await?;
    Ok(served?)
}
