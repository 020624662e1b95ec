//! The outside things that backend and worker share.

use anyhow::{Context, Result};
use bus::{BusError, LogHub, Queue};
use forge::{GitHub, Hosts, LocalGit};
use service::{Secret, Shutdown, when_up};
use store::{Store, StoreError};
use warehouse::Warehouse;

use crate::Connections;

/// The outside things that backend and worker share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Adapters {
    /// Durable truth.
    pub store: Store,
    /// Carries the jobs.
    pub queue: Queue,
    /// Wakes those who follow a log.
    pub hub: LogHub,
    /// The code hosts.
    pub hosts: Hosts,
    /// The tracking server.
    pub mlflow: mlflow::Client,
    /// The model versions' files.
    pub artifacts: artifacts::Store,
    /// The tables.
    pub warehouse: Warehouse,
}

impl Adapters {
    /// Opens them all. Waits up to five minutes for a database and a queue that are not up yet.
    ///
    /// # Errors
    /// When an address can't be used, or what stands behind it does not come up.
    pub async fn open(connections: &Connections, shutdown: &Shutdown) -> Result<Self> {
        let home = &connections.home;
        tokio::fs::create_dir_all(home).await.with_context(|| format!("MLSYS_HOME {} can't be made", home.display()))?;
        let token = connections.github_token.as_ref().map(Secret::expose);
        let (files, tables) = (&connections.artifacts, &connections.warehouse);
        let keys = match &connections.secrets_key {
            Some(keys) => Some(keys.load().await?),
            None => None,
        };
        Ok(Self {
            store: store(connections, shutdown).await.context("DATABASE_URL")?.with_keys(keys),
            queue: queue(connections, shutdown).await.context("REDIS_URL")?,
            hub: match &connections.redis_url {
                Some(url) => LogHub::redis(url.expose()).context("REDIS_URL")?,
                None => LogHub::in_memory(),
            },
            hosts: Hosts::new(LocalGit { root: home.join("git") }, GitHub::new(&connections.github_api_url, token)?),
            mlflow: mlflow::Client::new(&connections.mlflow_url, None)?,
            artifacts: artifacts::Store::open(&files.address, files.access()).context("MLSYS_ARTIFACTS")?,
            warehouse: Warehouse::open(&tables.address, tables.access()).context("MLSYS_WAREHOUSE")?,
        })
    }
}

async fn store(connections: &Connections, shutdown: &Shutdown) -> Result<Store, StoreError> {
    let url = connections.database_url.expose();
    let unavailable = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    when_up("the database", shutdown, unavailable, async || Store::open(url).await).await
}

async fn queue(connections: &Connections, shutdown: &Shutdown) -> Result<Queue, BusError> {
    let url = connections.queue_url.expose();
    let unavailable = |error: &BusError| matches!(error, BusError::Unavailable(_));
    when_up("the queue", shutdown, unavailable, async || Queue::open(url).await).await
}
