//! Where versions are put.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use contract::{Environment, MANIFEST_FILE, ModelManifest, ModelName, PipelineId};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    digest::sha256,
    folder::{Incoming, blocking, read_manifest, verify},
    keys, location,
};

/// Where a version was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionLocation {
    /// The version's folder, `file://…/{model}/v{N}`.
    pub uri: String,
    /// SHA-256 of its `metadata.json`, in hex.
    pub sha256: String,
}

/// The buckets of all environments, under one root.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store at a `file:///…` address or a path, which is made if it is not there.
    pub fn open(root: &str) -> Result<Self, Error> {
        let path = Path::new(root.strip_prefix("file://").unwrap_or(root));
        if path.to_string_lossy().contains("://") {
            return Err(Error::Refused { uri: root.to_owned(), reason: "only file:// is known" });
        }
        fs::create_dir_all(path).map_err(Error::io(path))?;
        let root = fs::canonicalize(path).map_err(Error::io(path))?;
        location::to_uri(&root)?;
        Ok(Self { root })
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts a version's files, read from `from`, into the environment's bucket. `files` names all of them, as
    /// `metadata.json` does. The version appears whole or not at all.
    ///
    /// Putting the same version again changes nothing and gives the same answer; with other content it is a
    /// [`Error::Conflict`].
    pub async fn put_version(
        &self,
        environment: &Environment,
        model: &ModelName,
        version: u64,
        from: &Path,
        files: &[&str],
    ) -> Result<VersionLocation, Error> {
        let target = self.root.join(keys::model_folder(environment, model)).join(keys::version_folder(version));
        put_files(target, from, files).await
    }

    /// Takes a version that lies within this store over into an environment's bucket: the same bytes, every one of them
    /// verified, also where the version is there already. It appears whole or not at all.
    pub async fn copy_version(
        &self,
        from: &VersionLocation,
        environment: &Environment,
        model: &ModelName,
        version: u64,
    ) -> Result<VersionLocation, Error> {
        let target = self.root.join(keys::model_folder(environment, model)).join(keys::version_folder(version));
        let (root, VersionLocation { uri, sha256 }) = (self.root.clone(), from.clone());
        blocking(move || {
            let from = location::resolve(&uri, &root)?;
            let uri = location::to_uri(&target)?;
            if !target.exists() {
                let incoming = Incoming::beside(&target)?;
                incoming.fill(&from, Some(&sha256))?;
                match incoming.settle(&target) {
                    // Somebody else was faster.
                    Err(error) if !target.exists() => return Err(error),
                    _ => {}
                }
            }
            verify(&target, &sha256)?;
            Ok(VersionLocation { uri, sha256 })
        })
        .await
    }

    /// Checks every file of a version that lies within this store.
    pub async fn verify(&self, version: &VersionLocation) -> Result<(), Error> {
        let (root, VersionLocation { uri, sha256 }) = (self.root.clone(), version.clone());
        blocking(move || verify(&location::resolve(&uri, &root)?, &sha256).map(drop)).await
    }

    /// What a version that lies within this store is, by its `metadata.json`.
    pub async fn manifest(&self, version: &VersionLocation) -> Result<ModelManifest, Error> {
        let (root, VersionLocation { uri, sha256 }) = (self.root.clone(), version.clone());
        blocking(move || Ok(read_manifest(&location::resolve(&uri, &root)?, Some(&sha256))?.1)).await
    }

    /// Keeps a packaged model until it is registered, for whichever machine does that. `run` names the execution that
    /// made it. Otherwise as [`Store::put_version`].
    pub async fn keep_package(
        &self,
        pipeline: PipelineId,
        run: &str,
        from: &Path,
        files: &[&str],
    ) -> Result<VersionLocation, Error> {
        if !keys::is_file_name(run) {
            return Err(Error::Refused { uri: run.to_owned(), reason: "no name of a run" });
        }
        put_files(self.root.join(keys::packages(pipeline)).join(run), from, files).await
    }

    /// Removes a pipeline's packages, if there are any.
    pub async fn remove_packages(&self, pipeline: PipelineId) -> Result<(), Error> {
        let folder = self.root.join(keys::packages(pipeline));
        blocking(move || match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&folder)(error)),
            _ => Ok(()),
        })
        .await
    }
}

async fn put_files(target: PathBuf, from: &Path, files: &[&str]) -> Result<VersionLocation, Error> {
    let named = files.iter().map(|name| (*name).to_owned()).collect();
    let from = from.to_owned();
    blocking(move || put(&target, &from, &named)).await
}

fn put(target: &Path, from: &Path, named: &BTreeSet<String>) -> Result<VersionLocation, Error> {
    let uri = location::to_uri(target)?;
    let (bytes, manifest) = read_manifest(from, None)?;
    let listed = manifest.files.keys().cloned().chain([MANIFEST_FILE.to_owned()]).collect::<BTreeSet<_>>();
    if let Some(name) = listed.symmetric_difference(named).next() {
        return Err(Error::bad_manifest(format!("{name:?} must be both put and listed under \"files\"")));
    }
    let ours = sha256(&bytes);
    if target.exists() {
        return existing(target, uri, ours);
    }
    let incoming = Incoming::beside(target)?;
    let (sha256, _) = incoming.fill(from, Some(&ours))?;
    match incoming.settle(target) {
        // Somebody else was faster.
        Err(_) if target.exists() => existing(target, uri, sha256),
        Err(error) => Err(error),
        Ok(()) => Ok(VersionLocation { uri, sha256 }),
    }
}

/// The location of a version that is there, if its content is ours. It was put whole, so its manifest tells.
fn existing(target: &Path, uri: String, ours: String) -> Result<VersionLocation, Error> {
    match read_manifest(target, Some(&ours)) {
        Ok(_) => Ok(VersionLocation { uri, sha256: ours }),
        Err(Error::DigestMismatch { .. }) => Err(Error::Conflict { uri }),
        Err(error) => Err(error),
    }
}
