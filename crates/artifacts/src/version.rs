//! The files of a version together: there whole or not at all, and never others than those that were put first.
//!
//! A store replaces single objects only, so a version is put in three steps. The digest of its `metadata.json` is written,
//! only where there is none: from then on whoever puts other content is refused, and all who go on write the same bytes. Then
//! come the files, each sealed only if its digest is right, and at last `metadata.json`, without which there is no version.
//! Whatever is cut off is simply done again.
//!
//! Beside them may lie what is said of where the version comes from, which names their digests and so can't be one of them. It
//! goes wherever the version goes.

use std::path::Path;

use bytes::Bytes;
use contract::{MANIFEST_FILE, ModelFile, ModelManifest, PROVENANCE_FILE};
use futures_util::{TryStreamExt, pin_mut};

use crate::{
    Error,
    bucket::Bucket,
    keys::DIGEST_FILE,
    local::{self, Incoming, blocking},
    manifest::{self, Manifest},
};

/// What is said of a version is not longer, in bytes.
const PROVENANCE_LIMIT: u64 = 4 << 20;

/// A folder in a bucket that holds a version, or may.
#[derive(Debug)]
pub(crate) struct Folder<'a> {
    pub bucket: &'a Bucket,
    pub key: String,
}

/// Where a version's files come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// A folder on this machine.
    Local(&'a Path),
    /// A version that is in a store.
    Stored(&'a Folder<'a>),
}

impl Folder<'_> {
    pub fn uri(&self) -> String {
        self.bucket.uri(&self.key)
    }

    /// The version's manifest, whose digest must be `expected` where that is given.
    pub async fn manifest(&self, expected: Option<&str>) -> Result<Manifest, Error> {
        self.bucket.stay_within(&self.key).await?;
        let bytes = self.bucket.read(&self.file(MANIFEST_FILE), manifest::LIMIT).await?;
        Manifest::parse(bytes.into(), expected)
    }

    /// Checks every file of the version.
    pub async fn verify(&self, manifest: &Manifest) -> Result<(), Error> {
        for (name, expected) in manifest.files() {
            self.bucket.check(&self.file(name), name, expected).await?;
        }
        Ok(())
    }

    /// Copies the version's files into a folder on this machine, which appears whole or not at all and replaces an older one.
    pub async fn fetch(&self, sha256: &str, into: &Path) -> Result<ModelManifest, Error> {
        let manifest = self.manifest(Some(sha256)).await?;
        let target = into.to_owned();
        let incoming = blocking(move || Incoming::beside(&target)).await?;
        for (name, expected) in manifest.files() {
            let pieces = self.bucket.pieces(&self.file(name), name, expected).await?;
            pin_mut!(pieces);
            let mut file = incoming.file(name).await?;
            while let Some(piece) = pieces.try_next().await? {
                file = file.write(piece).await?;
            }
            file.finish(name, expected).await?;
        }
        if let Some(provenance) = self.provenance().await? {
            incoming.file(PROVENANCE_FILE).await?.write(provenance).await?.close().await?;
        }
        let target = into.to_owned();
        blocking(move || incoming.settle(&manifest, &target).map(|()| manifest.meaning)).await
    }

    /// What is said of where the version comes from, if anything is.
    pub async fn provenance(&self) -> Result<Option<Bytes>, Error> {
        match self.bucket.read(&self.file(PROVENANCE_FILE), PROVENANCE_LIMIT).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts what is said of where the version comes from. What was said first stays.
    pub async fn put_provenance(&self, bytes: Bytes) -> Result<(), Error> {
        if bytes.len() as u64 > PROVENANCE_LIMIT {
            return Err(Error::Refused { uri: self.uri(), reason: "its provenance is longer than 4 MiB" });
        }
        self.bucket.create(&self.file(PROVENANCE_FILE), bytes).await.map(drop)
    }

    /// Puts a version. False if it is there already, which says nothing of its other files.
    pub async fn put(&self, manifest: &Manifest, origin: Origin<'_>) -> Result<bool, Error> {
        if self.is_there(manifest).await? {
            return Ok(false);
        }
        self.check_origin(manifest, origin).await?;
        self.reserve(manifest).await?;
        for (name, expected) in manifest.files() {
            self.put_file(name, expected, origin).await?;
        }
        let last = manifest.bytes.clone().into();
        Ok(self.bucket.create(&self.file(MANIFEST_FILE), last).await? || !self.is_there(manifest).await?)
    }

    /// Whether the version is there. [`Error::Conflict`] if it is another one.
    async fn is_there(&self, manifest: &Manifest) -> Result<bool, Error> {
        match self.manifest(Some(&manifest.sha256)).await {
            Ok(_) => Ok(true),
            Err(Error::Missing { .. }) => Ok(false),
            Err(Error::DigestMismatch { .. }) => Err(Error::Conflict { uri: self.uri() }),
            Err(error) => Err(error),
        }
    }

    /// A wrong file is found before anything is written, unless it has to come through the network twice for that: then it
    /// is found on its way.
    async fn check_origin(&self, manifest: &Manifest, origin: Origin<'_>) -> Result<(), Error> {
        match origin {
            Origin::Local(folder) => {
                let (folder, manifest) = (folder.to_owned(), manifest.clone());
                blocking(move || local::check_files(&folder, &manifest)).await
            }
            Origin::Stored(from) if from.bucket.is_local() || self.bucket.copies(from.bucket) => from.verify(manifest).await,
            Origin::Stored(_) => Ok(()),
        }
    }

    /// From here on this version can only have this content.
    async fn reserve(&self, manifest: &Manifest) -> Result<(), Error> {
        let (key, digest) = (self.file(DIGEST_FILE), manifest.sha256.clone().into_bytes());
        if !self.bucket.create(&key, digest.clone().into()).await? && self.bucket.read(&key, 1024).await? != digest {
            return Err(Error::Conflict { uri: self.uri() });
        }
        Ok(())
    }

    async fn put_file(&self, name: &str, expected: &ModelFile, origin: Origin<'_>) -> Result<(), Error> {
        let target = self.file(name);
        match origin {
            Origin::Local(folder) => {
                self.bucket.write(&target, (name, expected), local::pieces(folder.join(name), expected)).await
            }
            Origin::Stored(from) => {
                let source = from.file(name);
                if self.bucket.copies(from.bucket) && self.bucket.copy(&source, &target, (name, expected)).await? {
                    return Ok(());
                }
                let pieces = from.bucket.pieces(&source, name, expected).await?;
                self.bucket.write(&target, (name, expected), pieces).await
            }
        }
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.key)
    }
}
