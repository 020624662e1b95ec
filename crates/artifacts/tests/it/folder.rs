//! What is special about folders, and about addresses.

use std::{fs, os::unix::fs::symlink};

use artifacts::{Error, Store, verify_version};
use contract::{Environment, PipelineId};

use crate::place::{FILES, Place, names, open, titanic};

#[tokio::test]
async fn a_local_copy_that_rotted_is_noticed_and_replaced() {
    let place = Place::folder("");
    let location = place.put(1, "weights").await.unwrap();
    let fetched = place.fetch(&location).await.unwrap();
    fs::write(fetched.join("model.pkl"), "rotten!").unwrap();
    assert!(matches!(verify_version(&fetched, &location.sha256).await, Err(Error::DigestMismatch { .. })));
    place.fetch(&location).await.unwrap();
    assert!(verify_version(&fetched, &location.sha256).await.is_ok());
}

#[tokio::test]
async fn a_link_does_not_lead_out() {
    let place = Place::folder("");
    let location = place.put(1, "weights").await.unwrap();
    let (model, outside) = (place.path("the store/mlsys-models-dev/titanic"), place.path("outside"));
    fs::rename(&model, &outside).unwrap();
    symlink(&outside, &model).unwrap();
    assert!(matches!(place.fetch(&location).await, Err(Error::Refused { .. })));
    assert!(matches!(place.put(2, "weights").await, Err(Error::Refused { .. })));
    assert_eq!(names(&outside), ["v1"]);
}

#[tokio::test]
async fn what_a_pod_leaves_in_its_folder_harms_nobody_else() {
    let place = Place::folder("");
    let (pipeline, location) = (PipelineId::generate(), place.put(1, "weights").await.unwrap());
    place.store.make_packages(pipeline).await.unwrap();
    let (store, own) = (place.path("the store"), place.path("the store").join(Store::packages(pipeline)));
    assert_eq!(names(&own), [""; 0], "it is there before anything is in it");
    let package = place.store.keep_package(pipeline, "run-1", &place.package("weights"), FILES).await.unwrap();
    symlink(store.join("mlsys-models-dev"), own.join("link")).unwrap();
    let model = own.join("run-1/model.pkl");
    fs::remove_file(&model).unwrap();
    symlink(store.join("mlsys-models-dev/titanic/v1/model.pkl"), &model).unwrap();
    assert!(matches!(place.fetch(&package).await, Err(Error::Refused { .. })), "a link");
    fs::remove_file(&model).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&model).status().unwrap().success());
    assert!(matches!(place.fetch(&package).await, Err(Error::Refused { .. })), "a pipe that never ends");
    place.store.remove_packages(pipeline).await.unwrap();
    assert!(!own.exists(), "an empty folder would stay for ever");
    place.fetch(&location).await.unwrap();
}

#[tokio::test]
async fn what_an_older_mlsys_put_is_read_and_stays() {
    let place = Place::folder("");
    let package = place.package("weights");
    let folder = place.path("the store/mlsys-models-dev/titanic");
    fs::create_dir_all(&folder).unwrap();
    fs::rename(&package, folder.join("v1")).unwrap();
    let location = place.put(1, "weights").await.unwrap();
    place.fetch(&location).await.unwrap();
    assert!(matches!(place.put(1, "others").await, Err(Error::Conflict { .. })));
    assert_eq!(names(&folder.join("v1")), FILES);
}

#[tokio::test]
async fn a_folder_that_is_not_mounted_is_unavailable_and_nothing_is_said_to_be_missing() {
    let place = Place::folder("");
    let location = place.put(1, "weights").await.unwrap();
    fs::rename(place.path("the store"), place.path("unmounted")).unwrap();
    assert!(matches!(place.fetch(&location).await, Err(Error::Unavailable { .. })));
    fs::rename(place.path("unmounted"), place.path("the store")).unwrap();
    place.fetch(&location).await.unwrap();
}

#[test]
fn a_store_opens_by_address_or_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a store").to_str().unwrap().to_owned();
    let uri = format!("file://{path}/mlsys-models-dev/titanic/v1");
    for good in [path.clone(), format!("{path}/"), format!("file://{path}")] {
        assert!(open(&good, &[]).unwrap().holds(&uri), "{good}");
    }
    symlink(&path, folder.path().join("link")).unwrap();
    assert!(open(folder.path().join("link").to_str().unwrap(), &[]).unwrap().holds(&uri), "it has one name");
    for bad in [
        "https://bucket",
        "s3://",
        "s3:///key",
        "s3://UPPER",
        "gs://bucket/../other",
        "gs://b/{region}",
        "gs://b/{env}/{env}",
        "s3://u:p@b",
        &format!("{path}%20"),
    ] {
        assert!(matches!(Store::open(bad, []), Err(Error::Refused { .. })), "{bad}");
    }
}

#[tokio::test]
async fn each_environment_may_have_a_store_of_its_own() {
    for place in
        [Place::folder("-{env}/x"), Place::s3("-{env}").await, Place::gcs("-{env}"), Place::gcs("-{env}/some/prefix")]
    {
        let location = place.put(1, "weights").await.unwrap();
        let expected = place.address.trim_start_matches("file://").replace("{env}", "dev");
        assert!(location.uri.ends_with(&format!("{expected}/titanic/v1")), "{}", location.uri);
        let copied = place.store.copy_version(&location, &"prod".parse().unwrap(), &titanic(), 1).await.unwrap();
        assert!(copied.uri.contains("-prod") && !copied.uri.contains("dev"), "{}", copied.uri);
        place.store.verify(&copied).await.unwrap();
        place.fetch(&copied).await.unwrap();
        let evil = location.uri.replace("-dev", "-evil");
        let fetched = place.store.fetch_version(&evil, &location.sha256, &place.path("x")).await;
        assert!(matches!(fetched, Err(Error::Refused { .. })), "{evil}");
        let shared = Place::folder("");
        let moved = shared.store.take_over(&place.store, &copied).await.unwrap();
        assert!(moved.uri.ends_with("/mlsys-models-prod/titanic/v1"), "{}", moved.uri);
        assert_eq!(
            shared
                .store
                .put_version(&"prod".parse::<Environment>().unwrap(), &titanic(), 1, &shared.package("weights"), FILES)
                .await
                .unwrap(),
            moved
        );
    }
}

#[tokio::test]
async fn an_environments_bucket_may_have_a_name_of_its_own() {
    let place = Place::gcs("-{env}/some/prefix");
    let with = |bucket: &str| {
        let mut access = place.access.clone();
        access.push(("GCS_BUCKET_MODELS_PROD", bucket.to_owned()));
        access
    };
    let store = open(&place.address, &with("models")).unwrap();
    let location = store.put_version(&Environment::dev(), &titanic(), 1, &place.package("weights"), FILES).await.unwrap();
    assert_eq!(location.uri, "gs://models-dev/some/prefix/titanic/v1");
    let copied = store.copy_version(&location, &"prod".parse().unwrap(), &titanic(), 1).await.unwrap();
    assert_eq!(copied.uri, "gs://models/some/prefix/titanic/v1");
    store.verify(&copied).await.unwrap();
    let refused = [
        ("gs://models", "other"),
        ("s3://models-{env}", "other"),
        ("gs://models-{env}", "Other"),
        ("gs://models-{env}", "models-dev"),
    ];
    for (address, bucket) in refused {
        assert!(matches!(open(address, &with(bucket)), Err(Error::Refused { .. })), "{address} {bucket}");
    }
}
