//! Other shares of a place's requests for versions that it serves, at once: nothing is loaded.

use std::{collections::BTreeSet, sync::Arc};

use contract::{ModelName, Share, TrafficRequest};
use tracing::Instrument;

use super::Loader;
use crate::{
    load::LoadError,
    serve::{Deployment, Place},
};

impl Loader {
    /// Shares a place's requests out among versions that it serves; those that are not named go. It goes on even when whoever
    /// asked has gone.
    pub(crate) async fn share(self: &Arc<Self>, name: ModelName, request: TrafficRequest) -> Result<(), LoadError> {
        let loader = Arc::clone(self);
        let work = async move { loader.share_at((name, request.environment.clone()), &request).await };
        tokio::spawn(work.in_current_span()).await.unwrap_or(Err(LoadError::Lost))
    }

    /// A load of the same name may be going on, for which this need not wait: it finds what it is meant to join as it will be.
    async fn share_at(&self, place: Place, request: &TrafficRequest) -> Result<(), LoadError> {
        let arranging = self.arranging.lock().await;
        if self.slots.is_closed() {
            return Err(LoadError::Lost);
        }
        let deployments = shared(&self.registry.at(&place), request)?;
        let wanted: Vec<_> = deployments.iter().map(|deployment| deployment.asked.clone()).collect();
        let Some(before) = self.targets.share(&place, request.generation, &wanted)? else { return Ok(()) };
        if let Err(error) = self.deployed.set(&place, wanted).await {
            // There is one at least.
            self.targets.restore(&place, &deployments[0].asked.load, before);
            return Err(error.into());
        }
        self.registry.put(&place, deployments);
        drop(arranging);
        let shares: Vec<_> = request.shares.iter().map(|share| (share.version, share.weight, share.shadow)).collect();
        tracing::info!(
            model.name = %place.0, environment = %place.1, generation = request.generation, ?shares, "shared out"
        );
        self.changed.notify_one();
        // Where a load is going on, the files that it fetches are not known to be wanted yet, and it sweeps by itself.
        if let Ok(_alone) = self.lock(&place.0).try_lock() {
            self.sweep(&place.0).await;
        }
        Ok(())
    }
}

/// What a place serves, with the shares that are asked for.
fn shared(served: &[Deployment], request: &TrafficRequest) -> Result<Vec<Deployment>, LoadError> {
    let versions: BTreeSet<_> = request.shares.iter().map(|share| share.version).collect();
    if versions.len() != request.shares.len() {
        return Err(LoadError::BadShares("shares must name each version once"));
    }
    if request.shares.iter().all(|share| share.weight == 0) {
        return Err(LoadError::BadShares(
            "one of the shares must have a weight, or nobody answers; an unload takes all away",
        ));
    }
    if request.shares.iter().any(|share| share.shadow > 100) {
        return Err(LoadError::BadShares("shadow is a percentage, 100 at most"));
    }
    if served.is_empty() {
        return Err(LoadError::NotServed);
    }
    let with = |&Share { version, weight, shadow }: &Share| {
        let found = served.iter().find(|deployment| deployment.version.number == version);
        let mut deployment = found.cloned().ok_or(LoadError::NotLoaded { version })?;
        (deployment.asked.weight, deployment.asked.shadow) = (weight, shadow);
        deployment.asked.load.generation = request.generation;
        Ok(deployment)
    };
    request.shares.iter().map(with).collect()
}
