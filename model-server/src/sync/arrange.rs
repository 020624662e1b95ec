//! Which of the loaded versions share a place, and how.

use std::sync::Arc;

use contract::LoadRequest;
use tracing::Instrument;

use super::{
    Loader, Progress,
    targets::{Target, same},
};
use crate::{
    load::LoadError,
    serve::{Deployment, Place},
};

impl Loader {
    /// Has a place serve what it is meant to, when nothing is left to be loaded for it.
    pub(super) async fn arrange(self: &Arc<Self>, place: Place) -> Result<(), LoadError> {
        let loader = Arc::clone(self);
        let work = async move {
            let name = loader.lock(&place.0);
            let _name = name.lock().await;
            loader.arrange_with(&place, None).await
        };
        tokio::spawn(work.in_current_span()).await.unwrap_or(Err(LoadError::Lost))
    }

    /// Has a place serve what it is meant to, as far as that is loaded. While more is on its way, what is served goes on
    /// with its share, and what is new waits without one.
    pub(super) async fn arrange_with(&self, place: &Place, new: Option<Deployment>) -> Result<(), LoadError> {
        let arranging = self.arranging.lock().await;
        let targets = self.targets.at(place);
        let is_new = |load: &LoadRequest| new.as_ref().is_some_and(|new| same(&new.asked.load, load));
        let pending = targets.iter().any(|target| target.progress.is_pending() && !is_new(&target.wanted.load));
        let mut served = self.registry.at(place);
        if self.slots.is_closed() {
            // Nothing is served any more, which is not to be remembered; and nobody would end a new one's process.
            return Err(LoadError::Lost);
        }
        if let Some(mut new) = new {
            if let Some(at) = served.iter().position(|old| Arc::ptr_eq(&old.version, &new.version)) {
                new.asked.weight = served.remove(at).asked.weight;
            }
            // A shadow answers nobody, not even while there is no other.
            let target = targets.iter().find(|target| same(&target.wanted.load, &new.asked.load));
            new.asked.shadow = target.map_or(0, |target| target.wanted.shadow);
            served.push(new);
        }
        let wanted =
            |deployment: &Deployment| targets.iter().find(|target| same(&target.wanted.load, &deployment.asked.load));
        if !pending && served.iter().any(|deployment| wanted(deployment).is_some()) {
            served.retain_mut(|deployment| match wanted(deployment) {
                Some(target) => {
                    deployment.asked = target.wanted.clone();
                    true
                }
                None => false,
            });
        }
        self.deployed.set(place, served.iter().map(|deployment| deployment.asked.clone()).collect()).await?;
        self.registry.put(place, served);
        drop(arranging);
        self.sweep(&place.0).await;
        Ok(())
    }

    /// The places that serve other versions or shares than they are meant to, though all was loaded that can be.
    pub(super) fn unarranged(&self) -> Vec<Place> {
        let differs = |(place, targets): &(Place, Vec<Target>)| {
            let ready: Vec<_> = targets.iter().filter(|target| target.progress == Progress::Ready).collect();
            let served = self.registry.at(place);
            let is_served = |target: &&Target| served.iter().any(|deployment| deployment.asked == target.wanted);
            !targets.iter().any(|target| target.progress.is_pending())
                && !ready.is_empty()
                && (ready.len() != served.len() || !ready.iter().all(is_served))
        };
        self.targets.all().into_iter().filter(differs).map(|(place, _)| place).collect()
    }
}
