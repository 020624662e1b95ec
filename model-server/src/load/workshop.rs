//! From an address to a version that answers.

use std::{io, path::Path, sync::Arc, time::Duration};

use contract::{Flavour, LoadRequest, ModelManifest, ModelName, PROVENANCE_FILE};
use python::PythonEnvironment;
use scoring::{Model, Runtime};

use super::LoadError;
use crate::{
    ProvenanceRule,
    serve::{Memory, Parts, Version, expected_size},
};

/// Where a version's files are taken from first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The address in the request.
    Address,
    /// The copy of an earlier load.
    Copy,
}

/// What versions are made with.
#[derive(Debug)]
pub(crate) struct Workshop {
    runtime: Arc<Runtime>,
    memory: Arc<Memory>,
    /// Where every version's files are.
    artifacts: artifacts::Store,
    provenance: ProvenanceRule,
    /// How many requests one version may have in hand.
    queue: usize,
}

impl Workshop {
    pub(crate) fn new(
        (runtime, memory): (Runtime, Arc<Memory>),
        artifacts: artifacts::Store,
        provenance: ProvenanceRule,
        queue: usize,
    ) -> Self {
        Self { runtime: Arc::new(runtime), memory, artifacts, provenance, queue }
    }

    /// Waits until the processes of all models have ended. They do once their models are gone.
    pub(crate) async fn close(&self) {
        self.memory.close();
        self.runtime.close().await;
    }

    /// A version, fetched into a folder, verified, warm, and past its self-test. One that was deployed before the server
    /// started, and for which there is no memory now, sleeps.
    pub(crate) async fn build(
        &self,
        name: &ModelName,
        request: &LoadRequest,
        (folder, source): (&Path, Source),
    ) -> Result<Arc<Version>, LoadError> {
        let manifest = self.fetch(request, folder, source).await?;
        if manifest.model_name != *name {
            return Err(scoring::LoadError::BadManifest("it must bear the model's name".to_owned()).into());
        }
        let environment = self.hold_environment(&manifest).await?;
        let expected = expected_size(&manifest, &self.runtime);
        let (runtime, memory) = (Arc::clone(&self.runtime), Arc::clone(&self.memory));
        let (number, sha256) = (request.version, request.sha256.clone());
        let parts = Parts { number, sha256, manifest, environment, runtime, memory, queue: self.queue };
        let version = Arc::new(Version::new(parts, folder.to_owned())?);
        if source == Source::Address || self.memory.fits(expected) {
            let _room = self.memory.clear_for(expected).await;
            version.rouse(Model::load(folder, &version.manifest, &self.runtime).await?).await?;
        }
        self.memory.enter(&version);
        self.memory.shrink(Duration::ZERO).await;
        Ok(version)
    }

    /// Keeps the Python environment that the model's process needs from being removed. One that isn't there is for the model
    /// to miss.
    async fn hold_environment(&self, manifest: &ModelManifest) -> Result<Option<PythonEnvironment>, LoadError> {
        let Some(id) = manifest.environment.clone().filter(|_| manifest.flavour == Flavour::Python) else { return Ok(None) };
        let directory = self.runtime.environments_directory().to_owned();
        let held = tokio::task::spawn_blocking(move || PythonEnvironment::hold(&directory, &id)).await;
        Ok(held.map_err(|_| LoadError::Lost)??)
    }

    async fn fetch(&self, request: &LoadRequest, folder: &Path, source: Source) -> Result<ModelManifest, LoadError> {
        if source == Source::Copy
            && let Ok(manifest) = artifacts::verify_version(folder, &request.sha256).await
            && self.check_provenance(request, &manifest, folder).await.is_ok()
        {
            return Ok(manifest);
        }
        let manifest = self.artifacts.fetch_version(&request.uri, &request.sha256, folder).await?;
        self.check_provenance(request, &manifest, folder).await?;
        Ok(manifest)
    }

    /// Makes sure that what is said of where a version comes from holds for its files, which are the ones that its manifest
    /// lists.
    async fn check_provenance(
        &self,
        request: &LoadRequest,
        manifest: &ModelManifest,
        folder: &Path,
    ) -> Result<(), LoadError> {
        let ProvenanceRule { keys, required } = &self.provenance;
        if keys.is_empty() {
            return Ok(());
        }
        match tokio::fs::read(folder.join(PROVENANCE_FILE)).await {
            Ok(said) => Ok(provenance::check(&said, keys, (manifest, &request.sha256, request.version))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && *required => Err(LoadError::NoProvenance),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(
                    model.name = %manifest.model_name, model.version = request.version,
                    "nothing signed says where this version comes from: an mlsys of before made it, or a worker without SIGNING_KEY"
                );
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
