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
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use tracing::Instrument;

use crate::{
    deployed::{Deployed, Place},
    error::LoadError,
    registry::{Deployment, Registry},
    targets::{Progress, Targets, same},
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
    /// Whenever a load or an unload begins or ends.
    pub(crate) changed: Notify,
    /// One load or unload of a name at a time.
    turns: Mutex<HashMap<ModelName, Arc<tokio::sync::Mutex<()>>>>,
    slots: Semaphore,
}

impl Loader {
    /// A loader that has not brought anything back yet. What is deployed is on its way from now on.
    pub(crate) async fn new(workshop: Workshop, models: PathBuf, deployed: Deployed) -> Self {
        Self {
            workshop,
            models,
            registry: Registry::new(Targets::remembered(deployed.all().await)),
            deployed,
            restored: AtomicBool::new(false),
            changed: Notify::new(),
            turns: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
        }
    }

    /// Puts a version into service, unless it is already. It goes on even when whoever asked has gone.
    pub(crate) async fn load(self: &Arc<Self>, name: ModelName, request: LoadRequest) -> Result<LoadedModel, LoadError> {
        let place = (name, request.environment.clone());
        // What is stale need not wait for its turn to be refused.
        self.registry.targets.check(&place, &request)?;
        let (loader, here, wanted) = (Arc::clone(self), place.clone(), request.clone());
        let work = async move { loader.load_in_turn(&here, &wanted).await };
        let Ok(done) = tokio::spawn(work.in_current_span()).await else {
            self.registry.targets.settle(&place, &request, failed(&LoadError::Lost));
            return Err(LoadError::Lost);
        };
        done
    }

    async fn load_in_turn(&self, place: &Place, request: &LoadRequest) -> Result<LoadedModel, LoadError> {
        let turn = self.turn(&place.0);
        let _turn = turn.lock().await;
        let targets = &self.registry.targets;
        let before = targets.raise(place, request)?;
        let ready =
            before.as_ref().is_some_and(|target| same(&target.request, request) && target.progress == Progress::Ready);
        if ready && let Some(deployment) = self.registry.at(place) {
            return Ok(LoadedModel::clone(&deployment.info));
        }
        self.changed.notify_one();
        let done = self.deploy(place, request).await;
        match &done {
            Ok(_) => targets.settle(place, request, Progress::Ready),
            // Nobody else will ask for it again.
            Err(_) if request.generation == 0 => targets.restore(place, request, before),
            Err(error) => targets.settle(place, request, failed(error)),
        }
        self.changed.notify_one();
        done
    }

    async fn deploy(&self, place: &Place, request: &LoadRequest) -> Result<LoadedModel, LoadError> {
        let deployment = self.obtain(place, request, Source::Address).await?;
        if self.slots.is_closed() {
            // Nobody would end its process.
            return Err(LoadError::Lost);
        }
        self.deployed.set(place.clone(), Some(request.clone())).await?;
        self.registry.put(&deployment);
        self.sweep(&place.0).await;
        let info = LoadedModel::clone(&deployment.info);
        tracing::info!(
            model.name = %info.model_name, model.version = info.model_version, environment = %info.environment,
            generation = request.generation, "loaded"
        );
        Ok(info)
    }

    /// Takes a place's model out of service, unless it is newer than this generation. It goes on even when whoever asked
    /// has gone.
    pub(crate) async fn unload(self: &Arc<Self>, place: Place, generation: u64) -> Result<(), LoadError> {
        let loader = Arc::clone(self);
        let work = async move { loader.unload_in_turn(place, generation).await };
        tokio::spawn(work.in_current_span()).await.unwrap_or(Err(LoadError::Lost))
    }

    async fn unload_in_turn(&self, place: Place, generation: u64) -> Result<(), LoadError> {
        let turn = self.turn(&place.0);
        let _turn = turn.lock().await;
        self.registry.targets.check_unload(&place, generation)?;
        let remembered = self.deployed.set(place.clone(), None).await?.is_some();
        self.registry.remove(&place);
        let wanted = self.registry.targets.remove(&place, generation);
        self.changed.notify_one();
        self.sweep(&place.0).await;
        if !remembered && !wanted {
            return Err(LoadError::NotServed);
        }
        tracing::info!(model.name = %place.0, environment = %place.1, "unloaded");
        Ok(())
    }

    /// Brings back everything deployed. A model that cannot be is reported and does not stop the others.
    pub(crate) async fn restore(self: Arc<Self>) {
        let mut models = JoinSet::new();
        for (place, request) in self.deployed.all().await {
            models.spawn(Arc::clone(&self).bring_back(place, request));
        }
        while models.join_next().await.is_some() {}
        self.restored.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    async fn bring_back(self: Arc<Self>, place: Place, request: LoadRequest) {
        let turn = self.turn(&place.0);
        let _turn = turn.lock().await;
        // A newer load or an unload may have come first.
        let wanted = self.deployed.get(&place).await.as_ref() == Some(&request);
        if !wanted || self.registry.at(&place).is_some() {
            return;
        }
        let progress = match self.obtain(&place, &request, Source::Copy).await {
            Ok(deployment) => {
                self.registry.put(&deployment);
                Progress::Ready
            }
            Err(error) => {
                tracing::error!(model.name = %place.0, environment = %place.1, %error, "a model could not be brought back");
                failed(&error)
            }
        };
        self.registry.targets.settle(&place, &request, progress);
    }

    /// Takes every model out of service and waits for their processes to end. What is deployed stays remembered.
    pub(crate) async fn close(&self) {
        self.slots.close();
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
            let entries = match std::fs::read_dir(models) {
                // No version ever came as far as a copy.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
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

fn failed(error: &LoadError) -> Progress {
    Progress::Failed { code: error.kind().1, detail: error.to_string() }
}
