//! Versions on a real file system.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use artifacts::{Error, Store, VersionLocation, fetch_version, verify_version};
use contract::{Environment, ModelName};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const FILES: &[&str] = &["metadata.json", "model.pkl"];

/// A store, a packaged version beside it, and room to fetch into.
struct Place {
    folder: TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store").to_str().unwrap()).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A packaged version whose model is `content`.
    fn package(&self, content: &str) -> PathBuf {
        let folder = self.path("package");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.pkl"), content).unwrap();
        fs::write(folder.join("metadata.json"), manifest("model.pkl", content)).unwrap();
        folder
    }

    async fn put(&self, version: u64, content: &str) -> Result<VersionLocation, Error> {
        let name: ModelName = "titanic".parse().unwrap();
        self.store.put_version(&Environment::dev(), &name, version, &self.package(content), FILES).await
    }

    async fn fetch(&self, uri: &str, sha256: &str) -> Result<PathBuf, Error> {
        let into = self.path("fetched/v1");
        fetch_version(uri, sha256, self.store.root(), &into).await.map(|_| into)
    }
}

fn manifest(file: &str, content: &str) -> String {
    let digest = hex::encode(Sha256::digest(content));
    json!({
        "format": 1, "model_name": "titanic", "declared_version": "1", "task": "regression", "flavour": "python",
        "signature": {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 1]}},
        "input_example": {"inputs": [[1.0]]}, "expected_output": {"predictions": [1.0]}, "python_version": "3.11",
        "files": {file: {"sha256": digest, "size": content.len()}}
    })
    .to_string()
}

/// Names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_version_is_put_where_the_layout_says_and_fetched_whole() {
    let place = Place::new();
    let location = place.put(3, "weights").await.unwrap();
    assert!(
        location.uri.starts_with("file:///") && location.uri.ends_with("/mlsys-models-dev/titanic/v3"),
        "{}",
        location.uri
    );
    let fetched = place.fetch(&location.uri, &location.sha256).await.unwrap();
    assert_eq!(names(&fetched), FILES);
    assert_eq!(fs::read_to_string(fetched.join("model.pkl")).unwrap(), "weights");
    assert_eq!(verify_version(&fetched, &location.sha256).await.unwrap().model_name.as_str(), "titanic");
}

#[tokio::test]
async fn putting_the_same_again_is_fine_and_other_content_is_a_conflict() {
    let place = Place::new();
    let first = place.put(1, "weights").await.unwrap();
    assert_eq!(place.put(1, "weights").await.unwrap(), first);
    assert!(matches!(place.put(1, "others").await, Err(Error::Conflict { .. })));
    assert_eq!(names(&place.store.root().join("mlsys-models-dev/titanic")), ["v1"], "nothing half-done is left");
    assert_eq!(place.fetch(&first.uri, &first.sha256).await.map(|_| ()).ok(), Some(()), "the first content stays");
}

#[tokio::test]
async fn of_two_puts_at_once_one_content_wins() {
    let place = Place::new();
    let package = place.package("weights");
    let other = place.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("model.pkl"), "others").unwrap();
    fs::write(other.join("metadata.json"), manifest("model.pkl", "others")).unwrap();
    let (environment, name) = (Environment::dev(), "titanic".parse::<ModelName>().unwrap());
    let (one, two) = tokio::join!(
        place.store.put_version(&environment, &name, 1, &package, FILES),
        place.store.put_version(&environment, &name, 1, &other, FILES),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    assert!([one, two].into_iter().any(|put| matches!(put, Err(Error::Conflict { .. }))));
}

#[tokio::test]
async fn a_package_that_is_not_what_its_manifest_says_is_not_put() {
    let place = Place::new();
    let package = place.package("weights");
    let put = async |files: &[&str]| {
        place.store.put_version(&Environment::dev(), &"titanic".parse().unwrap(), 1, &package, files).await
    };
    assert!(matches!(put(&["metadata.json"]).await, Err(Error::BadManifest { .. })), "a listed file is not put");
    assert!(
        matches!(put(&["metadata.json", "model.pkl", "x"]).await, Err(Error::BadManifest { .. })),
        "a file is not listed"
    );
    fs::write(package.join("model.pkl"), "wEights").unwrap();
    assert!(matches!(put(FILES).await, Err(Error::DigestMismatch { file }) if file == "model.pkl"));
    fs::remove_file(package.join("model.pkl")).unwrap();
    assert!(matches!(put(FILES).await, Err(Error::Missing { .. })));
    symlink("/etc/hostname", package.join("model.pkl")).unwrap();
    assert!(matches!(put(FILES).await, Err(Error::Refused { .. })), "a link could carry any file out");
    fs::write(package.join("metadata.json"), manifest("../model.pkl", "weights")).unwrap();
    assert!(matches!(put(&["metadata.json", "../model.pkl"]).await, Err(Error::BadManifest { .. })));
    assert!(names(&place.store.root().join("mlsys-models-dev/titanic")).is_empty());
}

#[tokio::test]
async fn a_changed_file_is_not_fetched() {
    let place = Place::new();
    let location = place.put(1, "weights").await.unwrap();
    let folder = PathBuf::from(location.uri.strip_prefix("file://").unwrap());
    assert!(
        matches!(place.fetch(&location.uri, &"0".repeat(64)).await, Err(Error::DigestMismatch { file }) if file == "metadata.json")
    );
    fs::write(folder.join("model.pkl"), "wEights").unwrap();
    assert!(
        matches!(place.fetch(&location.uri, &location.sha256).await, Err(Error::DigestMismatch { file }) if file == "model.pkl")
    );
    assert!(names(&place.path("fetched")).is_empty(), "nothing half-done is left");
}

#[tokio::test]
async fn a_version_is_taken_over_byte_for_byte_and_not_at_all_when_a_byte_is_another() {
    let place = Place::new();
    let (name, staging): (ModelName, Environment) = ("titanic".parse().unwrap(), "staging".parse().unwrap());
    let source = place.put(1, "weights").await.unwrap();
    let folder = |location: &VersionLocation| PathBuf::from(location.uri.strip_prefix("file://").unwrap());
    let take = async || place.store.copy_version(&source, &staging, &name, 1).await;

    fs::write(folder(&source).join("model.pkl"), "wEights").unwrap();
    assert!(matches!(take().await, Err(Error::DigestMismatch { file }) if file == "model.pkl"));
    assert!(matches!(place.store.verify(&source).await, Err(Error::DigestMismatch { .. })));
    assert!(names(&place.store.root().join("mlsys-models-staging/titanic")).is_empty(), "nothing half-done is left");
    fs::write(folder(&source).join("model.pkl"), "weights").unwrap();
    place.store.verify(&source).await.unwrap();

    let taken = take().await.unwrap();
    assert!(taken.uri.ends_with("/mlsys-models-staging/titanic/v1"), "{}", taken.uri);
    assert_eq!((&taken.sha256, take().await.unwrap()), (&source.sha256, taken.clone()), "once more changes nothing");
    assert_eq!(fs::read_to_string(folder(&taken).join("model.pkl")).unwrap(), "weights");
    assert_eq!(place.store.manifest(&taken).await.unwrap().model_name, name);
    fs::write(folder(&taken).join("model.pkl"), "wEights").unwrap();
    assert!(matches!(take().await, Err(Error::DigestMismatch { .. })), "what is there already is looked at, too");
    let elsewhere = VersionLocation { uri: "file:///etc".to_owned(), ..source.clone() };
    assert!(matches!(place.store.copy_version(&elsewhere, &staging, &name, 2).await, Err(Error::Refused { .. })));
    assert!(matches!(place.store.manifest(&elsewhere).await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn a_local_copy_that_rotted_is_noticed_and_replaced() {
    let place = Place::new();
    let location = place.put(1, "weights").await.unwrap();
    let fetched = place.fetch(&location.uri, &location.sha256).await.unwrap();
    fs::write(fetched.join("model.pkl"), "rotten!").unwrap();
    assert!(matches!(verify_version(&fetched, &location.sha256).await, Err(Error::DigestMismatch { .. })));
    place.fetch(&location.uri, &location.sha256).await.unwrap();
    assert!(verify_version(&fetched, &location.sha256).await.is_ok());
}

#[tokio::test]
async fn nothing_outside_the_root_is_read() {
    let place = Place::new();
    let location = place.put(1, "weights").await.unwrap();
    let root = location.uri.strip_suffix("/mlsys-models-dev/titanic/v1").unwrap().to_owned();
    let outside = place.package("weights");
    symlink(&outside, place.store.root().join("link")).unwrap();
    for uri in [
        format!("file://{}", outside.display()),
        format!("{root}/../package"),
        format!("{root}/link"),
        format!("{root}/%2e%2e/package"),
        format!("{root}-other/v1"),
        location.uri.replace("file:///", "file://elsewhere/"),
        location.uri.replace("file:///", "file:/"),
        location.uri.replace("file://", "https://h"),
        "s3://bucket/titanic/v1".to_owned(),
    ] {
        assert!(matches!(place.fetch(&uri, &location.sha256).await, Err(Error::Refused { .. })), "{uri}");
    }
    assert!(matches!(place.fetch(&format!("{root}/absent"), &location.sha256).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn a_store_opens_by_address_or_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a store").to_str().unwrap().to_owned();
    assert_eq!(Store::open(&path).unwrap().root(), Store::open(&format!("file://{path}")).unwrap().root());
    for bad in ["s3://bucket", &format!("{path}%20")] {
        assert!(matches!(Store::open(bad), Err(Error::Refused { .. })), "{bad}");
    }
}
