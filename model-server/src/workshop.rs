//! Makes a version ready to serve: fetch, verify, start, warm up, prove.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::body::Bytes;
use contract::{Flavour, LoadRequest, ModelManifest, ModelName};
use ort::environment::Environment as OnnxRuntime;
use tokio_util::task::TaskTracker;

use crate::{
    Config,
    decode::decode,
    engine::Engine,
    error::LoadError,
    flavours::{
        onnx::OnnxEngine,
        python::{Launch, PythonEngine},
    },
    model::Model,
    proof,
    schema::Schema,
};

/// How long the models' processes may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Where a version's files are taken from first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The address in the request.
    Address,
    /// The copy of an earlier load.
    Copy,
}

/// What models are made with.
#[derive(Debug)]
pub(crate) struct Workshop {
    config: Config,
    artifacts: artifacts::Store,
    /// The Python flavour's program, on disk.
    program: PathBuf,
    onnxruntime: OnnxRuntime,
    /// The models' processes.
    children: TaskTracker,
}

impl Workshop {
    pub(crate) fn new(config: Config, artifacts: artifacts::Store, program: PathBuf, onnxruntime: OnnxRuntime) -> Self {
        Self { config, artifacts, program, onnxruntime, children: TaskTracker::new() }
    }

    /// Waits until the processes of all models have ended. They do once their models are gone.
    pub(crate) async fn close(&self) {
        self.children.close();
        if tokio::time::timeout(END_LIMIT, self.children.wait()).await.is_err() {
            tracing::warn!("some models' processes did not end in time");
        }
    }

    /// A version, fetched into a folder, verified, warm and proven.
    pub(crate) async fn build(
        &self,
        name: &ModelName,
        request: &LoadRequest,
        (folder, source): (&Path, Source),
    ) -> Result<Arc<Model>, LoadError> {
        let manifest = self.fetch(request, folder, source).await?;
        if manifest.format != 1 || manifest.model_name != *name {
            return Err(LoadError::BadManifest("it must be of format 1 and bear the model's name".to_owned()));
        }
        let schema = Arc::new(Schema::new(&manifest.signature).map_err(LoadError::BadManifest)?);
        let example = Bytes::from(proof::example(&manifest));
        let engine = match manifest.flavour {
            Flavour::Onnx => self.start_onnx(folder.to_owned(), &manifest, &schema, &example).await?,
            Flavour::Python => self.start_python(folder.to_owned(), &manifest, &schema).await?,
        };
        let identity = (request.version, request.sha256.clone());
        let model = Arc::new(Model::new(identity, manifest, schema, engine, self.config.queue));
        let answer = model.rehearse(example).await.map_err(|error| LoadError::Disproved(error.to_string()))?;
        proof::check(&model.manifest, &answer).map_err(LoadError::Disproved)?;
        Ok(model)
    }

    async fn fetch(&self, request: &LoadRequest, folder: &Path, source: Source) -> Result<ModelManifest, LoadError> {
        if source == Source::Copy
            && let Ok(manifest) = artifacts::verify_version(folder, &request.sha256).await
        {
            return Ok(manifest);
        }
        Ok(self.artifacts.fetch_version(&request.uri, &request.sha256, folder).await?)
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
}
