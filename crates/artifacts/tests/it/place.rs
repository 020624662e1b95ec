//! A store of any kind, a packaged version beside it, and room to fetch into.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use artifacts::{Error, Store, VersionLocation};
use contract::{Environment, ModelName};
use futures_util::TryStreamExt;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, gcp::GoogleCloudStorageBuilder, local::LocalFileSystem,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::{Gcs, Moto};

pub(crate) const FILES: &[&str] = &["metadata.json", "model.pkl"];

pub(crate) struct Place {
    pub folder: TempDir,
    pub address: String,
    pub access: Vec<(&'static str, String)>,
    pub store: Store,
    /// Everything that is stored, past the store.
    pub raw: Arc<dyn ObjectStore>,
    pub gcs: Option<Gcs>,
}

impl Place {
    pub fn folder(suffix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("the store");
        fs::create_dir(&root).unwrap();
        let raw = Arc::new(LocalFileSystem::new_with_prefix(&root).unwrap());
        Self::new(folder, format!("{}{suffix}", root.display()), Vec::new(), raw)
    }

    pub async fn s3(suffix: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Moto::shared();
        let bucket = format!("models-{}", uuid::Uuid::new_v4());
        for environment in ["", "-dev", "-staging", "-prod"] {
            let made = reqwest::Client::new().put(format!("{}/{bucket}{environment}", server.url())).send().await;
            made.unwrap().error_for_status().unwrap();
        }
        let raw = AmazonS3Builder::new().with_endpoint(server.url()).with_allow_http(true).with_bucket_name(&bucket);
        let raw = Arc::new(raw.with_access_key_id("k").with_secret_access_key("s").build().unwrap());
        let access = s3_access(&server.url());
        Self::new(tempfile::tempdir().unwrap(), format!("s3://{bucket}{suffix}"), access, raw)
    }

    pub fn gcs(suffix: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Gcs::start();
        for environment in ["", "-dev", "-staging", "-prod"] {
            server.create_bucket(&format!("models{environment}"));
        }
        let key = json!({ "gcs_base_url": server.url(), "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": "" });
        let raw = GoogleCloudStorageBuilder::new().with_service_account_key(key.to_string()).with_bucket_name("models");
        let raw = raw.with_client_options(ClientOptions::new().with_allow_http(true)).build().unwrap();
        let access = vec![("STORAGE_EMULATOR_HOST", server.url())];
        let place = Self::new(tempfile::tempdir().unwrap(), format!("gs://models{suffix}"), access, Arc::new(raw));
        Self { gcs: Some(server), ..place }
    }

    fn new(folder: TempDir, address: String, access: Vec<(&'static str, String)>, raw: Arc<dyn ObjectStore>) -> Self {
        let store = open(&address, &access).unwrap();
        Self { folder, address, access, store, raw, gcs: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with a packaged version whose model is `content`.
    pub fn package(&self, content: &str) -> PathBuf {
        // A folder of its own: another put may be reading the same content.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let name = format!("package-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        package(&self.path(&name), &[("model.pkl", content.as_bytes())])
    }

    pub async fn put(&self, version: u64, content: &str) -> Result<VersionLocation, Error> {
        self.store.put_version(&Environment::dev(), &titanic(), version, &self.package(content), FILES).await
    }

    pub async fn fetch(&self, location: &VersionLocation) -> Result<PathBuf, Error> {
        let into = self.path("fetched/v1");
        self.store.fetch_version(&location.uri, &location.sha256, &into).await.map(|_| into)
    }

    /// The keys of all objects that there are.
    pub async fn keys(&self) -> Vec<String> {
        let all: Vec<_> = self.raw.list(None).try_collect().await.unwrap();
        let mut keys: Vec<_> = all.into_iter().map(|object| object.location.to_string()).collect();
        keys.sort();
        keys
    }

    /// Changes an object behind the store's back.
    pub async fn tamper(&self, key: &str, content: &'static str) {
        self.raw.put(&key.into(), content.into()).await.unwrap();
    }

    /// Removes an object behind the store's back.
    pub async fn lose(&self, key: &str) {
        self.raw.delete(&key.into()).await.unwrap();
    }
}

pub(crate) fn s3_access(url: &str) -> Vec<(&'static str, String)> {
    let pairs = [
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

pub(crate) fn open(address: &str, access: &[(&'static str, String)]) -> Result<Store, Error> {
    Store::open(address, access.iter().map(|(name, value)| (*name, value.as_str())))
}

pub(crate) fn titanic() -> ModelName {
    "titanic".parse().unwrap()
}

/// Writes a packaged version into a folder.
pub(crate) fn package(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name), content).unwrap();
    }
    fs::write(folder.join("metadata.json"), manifest(files)).unwrap();
    folder.to_owned()
}

pub(crate) fn manifest(files: &[(&str, &[u8])]) -> String {
    let entry = |(name, content): &(&str, &[u8])| {
        ((*name).to_owned(), json!({"sha256": hex::encode(Sha256::digest(content)), "size": content.len()}))
    };
    let files: serde_json::Map<_, _> = files.iter().map(entry).collect();
    json!({
        "format": 1, "model_name": "titanic", "declared_version": "1", "task": "regression", "flavour": "python",
        "signature": {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 1]}},
        "input_example": {"inputs": [[1.0]]}, "expected_output": {"predictions": [1.0]}, "python_version": "3.11",
        "files": files
    })
    .to_string()
}

/// Names in a folder, hidden ones too.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
