//! A version's way into service and out of it, one step after the other; a step that fails changes nothing.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use contract::{DesiredModel, Environment, LoadRequest, LoadedModel, ModelName};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use tracing::Instrument;

use super::{
    deployed::Deployed,
    targets::{Progress, Target, Targets, same},
};
use crate::{
    load::{Copies, LoadError, Source, Workshop},
    serve::{Chosen, Deployment, Key, Place, Registry, Unserved},
};

/// How many models are made ready at once; it is heavy work.
const AT_ONCE: usize = 2;

/// Loads and unloads models.
#[derive(Debug)]
pub(crate) struct Loader {
    workshop: Workshop,
    copies: Copies,
    /// What is served.
    pub(crate) registry: Registry,
    /// What is meant to be served.
    pub(crate) targets: Targets,
    pub(super) deployed: Deployed,
    /// Whether everything deployed was brought back, or found that it cannot be.
    restored: AtomicBool,
    /// Whenever a load or an unload begins or ends.
    pub(crate) changed: Notify,
    /// One load or unload of a name at a time.
    names: Mutex<HashMap<ModelName, Arc<tokio::sync::Mutex<()>>>>,
    pub(super) slots: Semaphore,
    /// Whoever changes what a place serves, so that none undoes what another has done. Nothing is loaded meanwhile.
    pub(super) arranging: tokio::sync::Mutex<()>,
}

impl Loader {
    /// A loader that has not brought anything back yet. What is deployed is on its way from now on.
    pub(crate) async fn new(workshop: Workshop, copies: Copies, deployed: Deployed) -> Self {
        Self {
            workshop,
            copies,
            registry: Registry::default(),
            targets: Targets::remembered(deployed.all().await),
            deployed,
            restored: AtomicBool::new(false),
            changed: Notify::new(),
            names: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
            arranging: tokio::sync::Mutex::default(),
        }
    }

    /// The version that answers a request; see [`Registry::find`].
    pub(crate) fn find(
        &self,
        name: &ModelName,
        environment: Option<&Environment>,
        wish: (Option<u64>, Option<&Key>),
    ) -> Result<Chosen, Unserved> {
        let explain = |unserved| self.explain((name, environment, wish.0)).unwrap_or(unserved);
        self.registry.find(name, environment, wish).map_err(explain)
    }

    /// The environment that answers a request that names none: where the version is served, else where it will be.
    pub(crate) fn environment(&self, name: &ModelName, version: Option<u64>) -> Option<Environment> {
        self.registry.environment(name, version).or_else(|| self.targets.environment(name, version))
    }

    /// Whether what is asked for is meant to be served, and why it is not.
    fn explain(&self, (name, environment, version): (&ModelName, Option<&Environment>, Option<u64>)) -> Option<Unserved> {
        let targets = self.targets.all();
        let here = |place: &Place| place.0 == *name && environment.is_none_or(|environment| place.1 == *environment);
        let mut here = targets.iter().filter(|(place, _)| here(place));
        if here.clone().any(|(_, targets)| targets.iter().any(|target| target.progress.is_pending())) {
            return Some(Unserved::Loading);
        }
        let failed = |(place, targets): (&Place, &Vec<Target>)| {
            let failed = targets.iter().filter(|target| matches!(target.progress, Progress::Failed { .. }));
            let mut asked = failed.filter(|target| version.is_none_or(|version| target.wanted.load.version == version));
            asked.next().is_some() || (!targets.is_empty() && self.registry.at(place).is_empty())
        };
        here.any(failed).then_some(Unserved::Failed)
    }

    /// Puts a version into service, unless it is already. It goes on even when whoever asked has gone.
    pub(crate) async fn load(self: &Arc<Self>, name: ModelName, request: LoadRequest) -> Result<LoadedModel, LoadError> {
        let place = (name, request.environment.clone());
        // What is stale need not wait for others to be refused.
        self.targets.check(&place, &request)?;
        let (loader, here, wanted) = (Arc::clone(self), place.clone(), request.clone());
        let work = async move { loader.load_alone(&here, &wanted).await };
        let Ok(done) = tokio::spawn(work.in_current_span()).await else {
            self.targets.settle(&place, &request, Progress::failed(&LoadError::Lost));
            return Err(LoadError::Lost);
        };
        done
    }

    async fn load_alone(&self, place: &Place, request: &LoadRequest) -> Result<LoadedModel, LoadError> {
        let name = self.lock(&place.0);
        let _name = name.lock().await;
        let before = self.targets.raise(place, request)?;
        let is = |wanted: &DesiredModel| same(&wanted.load, request);
        let ready = before.iter().any(|target| is(&target.wanted) && target.progress == Progress::Ready);
        if ready && let Some(deployment) = self.registry.at(place).iter().find(|deployment| is(&deployment.asked)) {
            return Ok(LoadedModel::clone(&deployment.info));
        }
        self.changed.notify_one();
        let done = self.deploy(place, request).await;
        match &done {
            Ok(_) => self.targets.settle(place, request, Progress::Ready),
            // Nobody else will ask for it again.
            Err(_) if request.generation == 0 => self.targets.restore(place, request, before),
            Err(error) => self.targets.settle(place, request, Progress::failed(error)),
        }
        self.changed.notify_one();
        done
    }

    async fn deploy(&self, place: &Place, request: &LoadRequest) -> Result<LoadedModel, LoadError> {
        let new = self.obtain(place, request, Source::Address).await?;
        let info = LoadedModel::clone(&new.info);
        self.arrange_with(place, Some(new)).await?;
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
        let work = async move { loader.unload_alone(place, generation).await };
        tokio::spawn(work.in_current_span()).await.unwrap_or(Err(LoadError::Lost))
    }

    async fn unload_alone(&self, place: Place, generation: u64) -> Result<(), LoadError> {
        let name = self.lock(&place.0);
        let _name = name.lock().await;
        let arranging = self.arranging.lock().await;
        self.targets.check_unload(&place, generation)?;
        let remembered = self.deployed.set(&place, Vec::new()).await?;
        self.registry.put(&place, Vec::new());
        let wanted = self.targets.remove(&place, generation);
        drop(arranging);
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
        // The higher the environment, the sooner: where there is not enough memory for all, the others sleep.
        let mut places: Vec<_> = self.deployed.all().await.into_iter().collect();
        places.sort_by_key(|(place, _)| Reverse(place.1.rank()));
        let (mut models, mut rank) = (JoinSet::new(), None);
        for (place, wanted) in places {
            // A lower one is not to find the memory that a higher one has not yet taken.
            if rank.replace(place.1.rank()).is_some_and(|higher| higher != place.1.rank()) {
                while models.join_next().await.is_some() {}
            }
            for wanted in wanted {
                if models.len() == AT_ONCE {
                    models.join_next().await;
                }
                models.spawn(Arc::clone(&self).bring_back(place.clone(), wanted));
            }
        }
        while models.join_next().await.is_some() {}
        // What a process that was killed had begun to fetch, and what was deployed when it last ran and is not now.
        for name in self.copies.models().await {
            let alone = self.lock(&name);
            let _alone = alone.lock().await;
            self.sweep(&name).await;
        }
        self.restored.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    async fn bring_back(self: Arc<Self>, place: Place, wanted: DesiredModel) {
        let name = self.lock(&place.0);
        let _name = name.lock().await;
        // A newer load, an unload or other shares may have come first.
        let is_wanted = async || self.deployed.get(&place).await.contains(&wanted);
        let is_served = |deployment: &Deployment| same(&deployment.asked.load, &wanted.load);
        if !is_wanted().await || self.registry.at(&place).iter().any(is_served) {
            return;
        }
        let progress = match self.obtain(&place, &wanted.load, Source::Copy).await {
            Ok(deployment) => {
                let _arranging = self.arranging.lock().await;
                if !is_wanted().await {
                    return;
                }
                let mut served = self.registry.at(&place);
                served.push(Deployment { asked: wanted.clone(), ..deployment });
                self.registry.put(&place, served);
                Progress::Ready
            }
            Err(error) => {
                tracing::error!(model.name = %place.0, environment = %place.1, %error, "a model could not be brought back");
                Progress::failed(&error)
            }
        };
        self.targets.settle(&place, &wanted.load, progress);
    }

    /// Takes every model out of service and waits for their processes to end. What is deployed stays remembered.
    pub(crate) async fn close(&self) {
        self.slots.close();
        let arranging = self.arranging.lock().await;
        self.registry.clear();
        drop(arranging);
        self.workshop.close().await;
    }

    /// Whether [`Loader::restore`] has ended.
    pub(crate) fn is_restored(&self) -> bool {
        self.restored.load(Ordering::Acquire)
    }

    pub(super) fn lock(&self, name: &ModelName) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.names.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default())
    }

    /// The version as it will be served at a place, without a share yet. One that is served already, here or in another
    /// environment, is shared, not loaded again.
    async fn obtain(
        &self,
        (name, environment): &Place,
        request: &LoadRequest,
        source: Source,
    ) -> Result<Deployment, LoadError> {
        let same = |other: &Deployment| (other.version.number, &other.version.sha256) == (request.version, &request.sha256);
        let version = if let Some(other) = self.registry.of(name).into_iter().find(same) {
            other.version
        } else {
            let _slot = self.slots.acquire().await.map_err(|_| LoadError::Lost)?;
            self.workshop.build(name, request, (&self.copies.folder(name, request)?, source)).await?
        };
        let info = LoadedModel {
            model_name: name.clone(),
            model_version: version.number,
            environment: environment.clone(),
            flavour: version.manifest.flavour,
            sha256: version.sha256.clone(),
            loaded_at: Timestamp::now(),
        };
        let asked = DesiredModel { model_name: name.clone(), load: request.clone(), weight: 0, shadow: 0 };
        Ok(Deployment { asked, info: Arc::new(info), version })
    }

    /// Removes the copies of a model's versions that are not deployed any more.
    pub(super) async fn sweep(&self, name: &ModelName) {
        let deployed = self.deployed.all().await;
        let models = deployed.iter().filter(|(place, _)| place.0 == *name).flat_map(|(_, models)| models);
        let kept = models.filter_map(|model| self.copies.folder(name, &model.load).ok()).collect();
        self.copies.sweep(name, kept).await;
    }
}
