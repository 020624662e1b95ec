//! Where versions are put.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use contract::{Environment, ModelManifest, ModelName, PipelineId};
use objects::{Access, Address};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    bucket::Bucket,
    keys::{self, Layout, Place},
    local::{blocking, read_manifest},
    version::{Folder, Origin},
};

/// Where a version was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionLocation {
    /// The version's folder, `…/{model}/v{N}`.
    pub uri: String,
    /// SHA-256 of its `metadata.json`, in hex.
    pub sha256: String,
}

/// The versions of all environments. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) layout: Layout,
    /// By environment; one and the same where they share it.
    buckets: Arc<BTreeMap<Environment, Bucket>>,
}

impl Store {
    /// Opens the store at an address: a path or `file:///…`, which is made if it is not there, `s3://bucket/prefix` or
    /// `gs://bucket/prefix`. All environments share it, or each has its own where the address holds `{env}`.
    ///
    /// `access` are settings by their names: `AWS_*`, `GOOGLE_*`, `STORAGE_EMULATOR_HOST`, and `GCS_BUCKET_MODELS_DEV`, `…_STAGING` and
    /// `…_PROD`, an environment's own bucket in the place of the one that the address names. Nothing is asked of a bucket yet.
    pub fn open<'a>(address: &str, access: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let (address, access) = (Address::parse(address)?, access.into_iter().collect::<Access>());
        let (mut buckets, mut by_address) = (BTreeMap::new(), BTreeMap::<String, Bucket>::new());
        for name in Environment::ALL {
            let Ok(environment) = name.parse::<Environment>() else { continue };
            let own = access.get(&format!("GCS_BUCKET_MODELS_{}", environment.as_str().to_uppercase()));
            let url = match own {
                Some(bucket) => address.in_bucket(environment.as_str(), bucket)?,
                None => address.of(environment.as_str()),
            };
            if address.is_by_environment() && by_address.contains_key(&url) {
                return Err(Error::Refused { uri: url, reason: "two environments can't have one bucket" });
            }
            let bucket = match by_address.get(&url) {
                Some(bucket) => bucket.clone(),
                None => Bucket::open(address.scheme(), url.clone(), &access)?,
            };
            by_address.insert(url, bucket.clone());
            buckets.insert(environment, bucket);
        }
        let layout = if address.is_by_environment() { Layout::Apart } else { Layout::Shared };
        Ok(Self { layout, buckets: buckets.into() })
    }

    /// Puts a version's files, read from the folder `from`, into the environment's bucket. `files` names all of them, as
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
        self.put(&Place::Version(environment.clone(), model.clone(), version), from, files).await
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
        self.put(&Place::Package(pipeline, run.to_owned()), from, files).await
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
        self.take(self, from, &Place::Version(environment.clone(), model.clone(), version)).await
    }

    /// Takes what lies within another store over to the same place in this one. Otherwise as [`Store::copy_version`].
    pub async fn take_over(&self, other: &Self, from: &VersionLocation) -> Result<VersionLocation, Error> {
        let place = other.place(&from.uri)?;
        self.take(other, from, &place).await
    }

    /// The address here of what lies at an address of another store, be it here yet or not.
    pub fn address_of(&self, other: &Self, uri: &str) -> Result<String, Error> {
        Ok(self.folder(&other.place(uri)?)?.uri())
    }

    /// Whether an address lies within this store.
    pub fn holds(&self, uri: &str) -> bool {
        self.place(uri).is_ok()
    }

    /// Copies the version at `uri` into the folder `into`, which appears whole or not at all and replaces an older one.
    /// `sha256` is the digest of its `metadata.json`. The files lie within this store, whatever the address says.
    pub async fn fetch_version(&self, uri: &str, sha256: &str, into: &Path) -> Result<ModelManifest, Error> {
        self.folder(&self.place(uri)?)?.fetch(sha256, into).await
    }

    /// Checks every file of a version that lies within this store.
    pub async fn verify(&self, version: &VersionLocation) -> Result<(), Error> {
        let folder = self.folder(&self.place(&version.uri)?)?;
        folder.verify(&folder.manifest(Some(&version.sha256)).await?).await
    }

    /// What a version that lies within this store is, by its `metadata.json`.
    pub async fn manifest(&self, version: &VersionLocation) -> Result<ModelManifest, Error> {
        let folder = self.folder(&self.place(&version.uri)?)?;
        Ok(folder.manifest(Some(&version.sha256)).await?.meaning)
    }

    /// Puts beside a version that lies within this store what is said of where it comes from. What was said first stays.
    pub async fn put_provenance(&self, version: &VersionLocation, said: Vec<u8>) -> Result<(), Error> {
        let folder = self.folder(&self.place(&version.uri)?)?;
        folder.manifest(Some(&version.sha256)).await?;
        folder.put_provenance(said.into()).await
    }

    /// What is said of where a version that lies within this store comes from, if anything is.
    pub async fn provenance(&self, version: &VersionLocation) -> Result<Option<Vec<u8>>, Error> {
        let folder = self.folder(&self.place(&version.uri)?)?;
        folder.manifest(Some(&version.sha256)).await?;
        Ok(folder.provenance().await?.map(Into::into))
    }

    /// Removes a version's files from an environment's bucket, if they are there. Where this is cut off, removing it again
    /// removes the rest.
    pub async fn remove_version(&self, environment: &Environment, model: &ModelName, version: u64) -> Result<(), Error> {
        let key = self.layout.key(&Place::Version(environment.clone(), model.clone(), version));
        self.bucket(environment)?.remove_all(&key).await
    }

    /// Makes the folder of a pipeline's packages, for one who may write nothing else here. A bucket has no folders.
    pub async fn make_packages(&self, pipeline: PipelineId) -> Result<(), Error> {
        self.bucket(&Environment::dev())?.make_folder(&self.layout.packages(pipeline)).await
    }

    /// Where a pipeline's packages lie below the address of a store that all environments share.
    #[must_use]
    pub fn packages(pipeline: PipelineId) -> String {
        Layout::Shared.packages(pipeline)
    }

    /// Removes a pipeline's packages, if there are any.
    pub async fn remove_packages(&self, pipeline: PipelineId) -> Result<(), Error> {
        self.bucket(&Environment::dev())?.remove_all(&self.layout.packages(pipeline)).await
    }

    async fn put(&self, place: &Place, from: &Path, files: &[&str]) -> Result<VersionLocation, Error> {
        let (folder, source) = (self.folder(place)?, from.to_owned());
        let manifest = blocking(move || read_manifest(&source, None)).await?;
        manifest.names(files)?;
        folder.put(&manifest, Origin::Local(from)).await?;
        Ok(VersionLocation { uri: folder.uri(), sha256: manifest.sha256 })
    }

    async fn take(&self, other: &Self, from: &VersionLocation, to: &Place) -> Result<VersionLocation, Error> {
        let (source, target) = (other.folder(&other.place(&from.uri)?)?, self.folder(to)?);
        let manifest = source.manifest(Some(&from.sha256)).await?;
        if !target.put(&manifest, Origin::Stored(&source)).await? {
            target.verify(&manifest).await?;
        }
        if let Some(said) = source.provenance().await? {
            target.put_provenance(said).await?;
        }
        Ok(VersionLocation { uri: target.uri(), sha256: manifest.sha256 })
    }

    /// What lies at an address from outside.
    fn place(&self, uri: &str) -> Result<Place, Error> {
        let at = |(environment, bucket): (&Environment, &Bucket)| self.layout.place(environment, bucket.key(uri)?);
        let outside = || Error::Refused { uri: uri.to_owned(), reason: "it is no version in the artifact store" };
        self.buckets.iter().find_map(at).ok_or_else(outside)
    }

    fn folder(&self, place: &Place) -> Result<Folder<'_>, Error> {
        Ok(Folder { bucket: self.bucket(&place.environment())?, key: self.layout.key(place) })
    }

    pub(crate) fn bucket(&self, environment: &Environment) -> Result<&Bucket, Error> {
        let unknown = || Error::Refused { uri: environment.to_string(), reason: "there is no such environment" };
        self.buckets.get(environment).ok_or_else(unknown)
    }
}
