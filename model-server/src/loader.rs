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

use axum::body::Bytes;
use contract::{Flavour, LoadRequest, LoadedModel, ModelManifest, ModelName, is_sha256};
use jiff::Timestamp;
use ort::environment::Environment as OnnxRuntime;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{
    Config,
    decode::decode,
    deployed::{Deployed, Place},
    engine::Engine,
    error::LoadError,
    flavours::{
        onnx::OnnxEngine,
        python::{Launch, PythonEngine},
    },
    model::Model,
    proof,
    registry::{Absence, Deployment, Registry},
    schema::Schema,
};

/// How many models are made ready at once; it is heavy work.
const AT_ONCE: usize = 2;

/// Where a version's files are taken from first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The address in the request.
    Address,
    /// The copy of an earlier load.
    Copy,
}

/// Loads and unloads models.
#[derive(Debug)]
pub(crate) struct Loader {
    config: Config,
    program: PathBuf,
    onnxruntime: OnnxRuntime,
    pub(crate) registry: Registry,
    deployed: Deployed,
    /// Whether everything deployed was brought back, or found that it cannot be.
    restored: AtomicBool,
    /// One load or unload of a name at a time.
    turns: Mutex<HashMap<ModelName, Arc<tokio::sync::Mutex<()>>>>,
    slots: Semaphore,
    pub(crate) children: TaskTracker,
}

impl Loader {
    /// A loader that has not brought anything back yet. `program` is the Python flavour's, on disk.
    pub(crate) fn new(config: Config, program: PathBuf, onnxruntime: OnnxRuntime, deployed: Deployed) -> Self {
        Self {
            config,
            program,
            onnxruntime,
            registry: Registry::default(),
            deployed,
            restored: AtomicBool::new(false),
            turns: Mutex::default(),
            slots: Semaphore::new(AT_ONCE),
            children: TaskTracker::new(),
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
            let loaded = loader.deploy(&here, request).await;
            if loaded.is_err() {
                loader.registry.set_absence(&here, before);
            }
            loaded
        };
        match tokio::spawn(work.in_current_span()).await {
            Ok(loaded) => loaded,
            Err(_) => {
                self.registry.set_absence(&place, None);
                Err(LoadError::Lost)
            }
        }
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
        let model = match self.registry.of(name).into_iter().find(same) {
            Some(other) => other.model,
            None => self.build(name, request, source).await?,
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

    /// A version, fetched, verified, warm and proven.
    async fn build(&self, name: &ModelName, request: &LoadRequest, source: Source) -> Result<Arc<Model>, LoadError> {
        let _slot = self.slots.acquire().await.map_err(|_| LoadError::Lost)?;
        if !is_sha256(&request.sha256) {
            return Err(LoadError::BadDigest);
        }
        let folder = self.folder(name, request);
        let manifest = self.fetch(request, &folder, source).await?;
        if manifest.format != 1 || manifest.model_name != *name {
            return Err(LoadError::BadManifest("it must be of format 1 and bear the model's name".to_owned()));
        }
        let schema = Arc::new(Schema::new(&manifest.signature).map_err(LoadError::BadManifest)?);
        let example = Bytes::from(proof::example(&manifest));
        let engine = match manifest.flavour {
            Flavour::Onnx => self.start_onnx(folder, &manifest, &schema, &example).await?,
            Flavour::Python => self.start_python(folder, &manifest, &schema).await?,
        };
        let identity = (request.version, request.sha256.clone());
        let model = Arc::new(Model::new(identity, manifest, schema, engine, self.config.queue));
        let answer = model.predict(example).await.map_err(|error| LoadError::Disproved(error.to_string()))?;
        proof::check(&model.manifest, &answer).map_err(LoadError::Disproved)?;
        Ok(model)
    }

    async fn fetch(
        &self,
        request: &LoadRequest,
        folder: &std::path::Path,
        source: Source,
    ) -> Result<ModelManifest, LoadError> {
        if source == Source::Copy
            && let Ok(manifest) = artifacts::verify_version(folder, &request.sha256).await
        {
            return Ok(manifest);
        }
        Ok(artifacts::fetch_version(&request.uri, &request.sha256, &self.config.artifact_root, folder).await?)
    }

    async fn start_onnx(
        &self,
        folder: PathBuf,
        manifest: &ModelManifest,
        schema: &Arc<Schema>,
        example: &Bytes,
    ) -> Result<Engine, LoadError> {
        let (onnxruntime, manifest, schema) = (self.onnxruntime.clone(), manifest.clone(), Arc::clone(schema));
        let (example, size) = (example.clone(), (self.config.threads, self.config.prediction_limit));
        let start = move || {
            let bad_example = |reason| LoadError::BadManifest(format!("the input example: {reason}"));
            let example = decode(&schema, &example).map_err(bad_example)?;
            OnnxEngine::start(&onnxruntime, &folder, (&manifest, &schema), &example, size).map(Engine::Onnx)
        };
        tokio::task::spawn_blocking(start).await.map_err(|_| LoadError::Lost)?
    }

    async fn start_python(
        &self,
        folder: PathBuf,
        manifest: &ModelManifest,
        schema: &Arc<Schema>,
    ) -> Result<Engine, LoadError> {
        let python = match manifest.environment.as_deref() {
            None => self.config.python.clone(),
            Some(id) => self.environment_python(id)?,
        };
        let launch = Launch { python, program: self.program.clone(), folder, limit: self.config.prediction_limit };
        let engine = PythonEngine::start(launch, Arc::clone(schema), self.config.queue, &self.children).await?;
        Ok(Engine::Python(engine))
    }

    fn environment_python(&self, id: &str) -> Result<PathBuf, LoadError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let plain = !id.is_empty() && !id.starts_with('.') && id.bytes().all(word);
        let python = self.config.environments_directory.join(id).join("bin/python");
        if plain && python.exists() { Ok(python) } else { Err(LoadError::NoEnvironment(id.to_owned())) }
    }

    fn models(&self, name: &ModelName) -> PathBuf {
        self.config.state_directory.join("models").join(name.as_str())
    }

    /// A version's own folder. It bears the digest, too, for a store that was emptied counts its versions anew.
    fn folder(&self, name: &ModelName, request: &LoadRequest) -> PathBuf {
        self.models(name).join(format!("v{}-{}", request.version, &request.sha256[..12]))
    }

    /// Removes the copies of a model's versions that are not deployed any more.
    async fn sweep(&self, name: &ModelName) {
        let deployed = self.deployed.all().await;
        let kept: BTreeSet<_> =
            deployed.iter().filter(|(place, _)| place.0 == *name).map(|(_, request)| self.folder(name, request)).collect();
        let models = self.models(name);
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
