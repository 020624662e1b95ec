//! A model's way into service and out of it, one step after the other; a step that fails changes nothing.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use contract::{LoadRequest, LoadedModel, ModelName, is_sha256};
use jiff::Timestamp;
use tokio::{sync::Semaphore, task::JoinSet};
use tracing::Instrument;

use crate::{
    deployed::{Deployed, Place},
    error::LoadError,
    registry::{Absence, Deployment, Registry},
    workshop::{Source, Workshop},
};

/// How many models are made ready at once; it is heavy work.
const AT_ONCE: usize = 2;

/// Loads and unloads models.
#[derive(Debug)]
pub(crate) struct Loader {
    workshop: Workshop,
    /// Holds a folder for each model with copies of its versions.
    models: PathBuf,
    pub(crate) registry: Registry,
    deployed: Deployed,
    /// Whether everything deployed was brought back, or found that it cannot be.
    restored: AtomicBool,
    /// One load or unload of a name at a time.
    turns: Mutex<HashMap<ModelName, Arc<tokio::sync::Mutex<()>>>>,
    slots: Semaphore,
}

impl Loader {
    /// A loader that has not brought anything back yet.
    pub(crate) fn new(workshop: Workshop, models: PathBuf, deployed: Deployed) -> Self {
        Self {
            workshop,
            models,
            registry: Registry::default(),
            deployed,
            restored: AtomicBool::new(false),
            turns: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
        }
    }

    /// Puts a version into service. It goes on even when whoever asked has gone.
    pub(crate) async fn load(self: &Arc<Self>, name: ModelName, request: LoadRequest) -> Result<LoadedModel, LoadError> {
        let place = (name, request.environment.clone());
        let (loader, here) = (Arc::clone(self), place.clone());
        let work = async move {
            let turn = loader.turn(&here.0);
            let _turn = turn.lock().await;
            let before = loader.registry.set_absence(&here, Some(Absence::Loading));
            let done = loader.deploy(&here, request).await;
            if done.is_err() {
                loader.registry.set_absence(&here, before);
            }
            done
        };
        let Ok(done) = tokio::spawn(work.in_current_span()).await else {
            self.registry.set_absence(&place, None);
            return Err(LoadError::Lost);
        };
        done
    }

    async fn deploy(&self, place: &Place, request: LoadRequest) -> Result<LoadedModel, LoadError> {
        let deployment = self.obtain(place, &request, Source::Address).await?;
        self.deployed.set(place.clone(), Some(request)).await?;
        self.registry.put(&deployment);
        self.sweep(&place.0).await;
        let info = LoadedModel::clone(&deployment.info);
        tracing::info!(model.name = %info.model_name, model.version = info.model_version, environment = %info.environment, "loaded");
        Ok(info)
    }

    /// Takes a place's model out of service.
    pub(crate) async fn unload(&self, place: Place) -> Result<(), LoadError> {
        let turn = self.turn(&place.0);
        let _turn = turn.lock().await;
        self.deployed.set(place.clone(), None).await?.ok_or(LoadError::NotServed)?;
        self.registry.remove(&place);
        self.sweep(&place.0).await;
        tracing::info!(model.name = %place.0, environment = %place.1, "unloaded");
        Ok(())
    }

    /// Says that everything deployed is on its way, before the first request can ask.
    pub(crate) async fn announce(&self) {
        for place in self.deployed.all().await.into_keys() {
            self.registry.set_absence(&place, Some(Absence::Loading));
        }
    }

    /// Brings back everything deployed. A model that cannot be is reported and does not stop the others.
    pub(crate) async fn restore(self: Arc<Self>) {
        let mut models = JoinSet::new();
        for (place, request) in self.deployed.all().await {
            models.spawn(Arc::clone(&self).bring_back(place, request));
        }
        while models.join_next().await.is_some() {}
        self.restored.store(true, Ordering::Release);
    }

    async fn bring_back(self: Arc<Self>, place: Place, request: LoadRequest) {
        let turn = self.turn(&place.0);
        let _turn = turn.lock().await;
        // A newer load or an unload may have come first.
        let wanted = self.deployed.get(&place).await.as_ref() == Some(&request);
        if !wanted || self.registry.of(&place.0).iter().any(|other| other.info.environment == place.1) {
            return;
        }
        match self.obtain(&place, &request, Source::Copy).await {
            Ok(deployment) => self.registry.put(&deployment),
            Err(error) => {
                tracing::error!(model.name = %place.0, environment = %place.1, %error, "a model could not be brought back");
                let (code, detail) = (error.kind().1, error.to_string());
                self.registry.set_absence(&place, Some(Absence::Failed { code, detail }));
            }
        }
    }

    /// Takes every model out of service and waits for their processes to end. What is deployed stays remembered.
    pub(crate) async fn close(&self) {
        self.registry.clear();
        self.workshop.close().await;
    }

    /// Whether [`Loader::restore`] has ended.
    pub(crate) fn is_restored(&self) -> bool {
        self.restored.load(Ordering::Acquire)
    }

    fn turn(&self, name: &ModelName) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default())
    }

    /// The version as it will be served at a place. One that another environment serves is shared, not loaded again.
    async fn obtain(
        &self,
        (name, environment): &Place,
        request: &LoadRequest,
        source: Source,
    ) -> Result<Deployment, LoadError> {
        let same = |other: &Deployment| other.model.version == request.version && other.model.sha256 == request.sha256;
        let model = if let Some(other) = self.registry.of(name).into_iter().find(same) {
            other.model
        } else {
            let _slot = self.slots.acquire().await.map_err(|_| LoadError::Lost)?;
            self.workshop.build(name, request, (&self.folder(name, request)?, source)).await?
        };
        let info = LoadedModel {
            model_name: name.clone(),
            model_version: model.version,
            environment: environment.clone(),
            flavour: model.manifest.flavour,
            sha256: model.sha256.clone(),
            loaded_at: Timestamp::now(),
        };
        Ok(Deployment { info: Arc::new(info), model })
    }

    /// A version's own folder. It bears the digest, too, for a store that was emptied counts its versions anew.
    fn folder(&self, name: &ModelName, request: &LoadRequest) -> Result<PathBuf, LoadError> {
        let digest = request.sha256.get(..12).filter(|_| is_sha256(&request.sha256)).ok_or(LoadError::BadDigest)?;
        Ok(self.models.join(name.as_str()).join(format!("v{}-{digest}", request.version)))
    }

    /// Removes the copies of a model's versions that are not deployed any more.
    async fn sweep(&self, name: &ModelName) {
        let deployed = self.deployed.all().await;
        let requests = deployed.iter().filter(|(place, _)| place.0 == *name).map(|(_, request)| request);
        let kept: BTreeSet<_> = requests.filter_map(|request| self.folder(name, request).ok()).collect();
        let models = self.models.join(name.as_str());
        let swept = tokio::task::spawn_blocking(move || -> io::Result<()> {
            for entry in std::fs::read_dir(models)? {
                let path = entry?.path();
                if !kept.contains(&path) {
                    std::fs::remove_dir_all(path)?;
                }
            }
            Ok(())
        });
        if let Ok(Err(error)) = swept.await {
            tracing::warn!(model.name = %name, %error, "old copies could not be removed");
        }
    }
}
