//! What holds of every kind of store.

use std::{fs, os::unix::fs::symlink};

use artifacts::{Error, VersionLocation, verify_version};
use contract::{Environment, PipelineId};
use futures_util::future::join_all;

use crate::place::{FILES, Place, manifest, names, package, titanic};

pub(crate) async fn a_version_is_put_where_the_layout_says_and_fetched_whole(place: Place) {
    let location = place.put(3, "weights").await.unwrap();
    assert!(location.uri.ends_with("/mlsys-models-dev/titanic/v3"), "{}", location.uri);
    assert!(place.store.holds(&location.uri));
    let folder = "mlsys-models-dev/titanic/v3";
    let keys = [".sha256", "metadata.json", "model.pkl"].map(|file| format!("{folder}/{file}"));
    assert_eq!(place.keys().await, keys);
    let fetched = place.fetch(&location).await.unwrap();
    assert_eq!(names(&fetched), FILES);
    assert_eq!(fs::read_to_string(fetched.join("model.pkl")).unwrap(), "weights");
    assert_eq!(verify_version(&fetched, &location.sha256).await.unwrap().model_name, titanic());
    place.store.verify(&location).await.unwrap();
}

pub(crate) async fn what_is_said_of_a_version_goes_where_it_goes_and_stays_what_it_was(place: Place) {
    let location = place.put(3, "weights").await.unwrap();
    assert_eq!(place.store.provenance(&location).await.unwrap(), None);
    assert_eq!(names(&place.fetch(&location).await.unwrap()), FILES, "a version of before has none");
    place.store.put_provenance(&location, b"signed".to_vec()).await.unwrap();
    place.store.put_provenance(&location, b"later".to_vec()).await.unwrap();
    assert_eq!(place.put(3, "weights").await.unwrap(), location, "the version is what it was");
    let copied = place.store.copy_version(&location, &"prod".parse().unwrap(), &titanic(), 3).await.unwrap();
    for version in [&location, &copied] {
        assert_eq!(place.store.provenance(version).await.unwrap().unwrap(), b"signed");
        let fetched = place.fetch(version).await.unwrap();
        assert_eq!(fs::read_to_string(fetched.join("provenance.json")).unwrap(), "signed");
        assert_eq!(verify_version(&fetched, &location.sha256).await.unwrap().model_name, titanic());
    }
    let other = VersionLocation { sha256: "0".repeat(64), ..location.clone() };
    assert!(matches!(place.store.put_provenance(&other, Vec::new()).await, Err(Error::DigestMismatch { .. })));
    let long = place.store.put_provenance(&location, vec![b' '; (4 << 20) + 1]).await;
    assert!(matches!(long, Err(Error::Refused { .. })), "what could not be read again is not put");
    place.store.remove_version(&Environment::dev(), &titanic(), 3).await.unwrap();
    assert!(place.keys().await.iter().all(|key| key.contains("prod")), "it goes with the version");
    // It is beside the files, and none of them.
    let package = place.package("weights");
    fs::write(package.join("metadata.json"), manifest(&[("provenance.json", b"weights")])).unwrap();
    let files = &["metadata.json", "provenance.json"];
    let put = place.store.put_version(&Environment::dev(), &titanic(), 4, &package, files).await;
    assert!(matches!(put, Err(Error::BadManifest { .. })));
}

pub(crate) async fn putting_the_same_again_is_fine_and_other_content_is_a_conflict(place: Place) {
    let first = place.put(1, "weights").await.unwrap();
    assert_eq!(place.put(1, "weights").await.unwrap(), first);
    assert!(matches!(place.put(1, "others").await, Err(Error::Conflict { .. })));
    let fetched = place.fetch(&first).await.unwrap();
    assert_eq!(fs::read_to_string(fetched.join("model.pkl")).unwrap(), "weights", "the first content stays");
}

pub(crate) async fn of_many_puts_at_once_one_content_wins_and_is_whole(place: Place) {
    for version in 1..=5 {
        let contents = ["weights", "others", "weights", "thirds"];
        let puts = join_all(contents.map(|content| place.put(version, content))).await;
        let won: Vec<_> =
            puts.iter().zip(contents).filter_map(|(put, content)| Some((put.as_ref().ok()?, content))).collect();
        let (location, content) = won.first().expect("one of them wins");
        assert!(won.iter().all(|(other, same)| other == location && same == content), "{puts:?}");
        assert_eq!(won.len(), contents.iter().filter(|one| *one == content).count(), "{puts:?}");
        let lost = puts.iter().filter(|put| matches!(put, Err(Error::Conflict { .. }))).count();
        assert_eq!(won.len() + lost, contents.len(), "{puts:?}");
        place.store.verify(location).await.unwrap();
        assert_eq!(fs::read_to_string(place.fetch(location).await.unwrap().join("model.pkl")).unwrap(), *content);
    }
}

pub(crate) async fn a_package_that_is_not_what_its_manifest_says_leaves_nothing(place: Place) {
    let package = place.package("weights");
    let put = async |files: &[&str]| place.store.put_version(&Environment::dev(), &titanic(), 1, &package, files).await;
    assert!(matches!(put(&["metadata.json"]).await, Err(Error::BadManifest { .. })), "a listed file is not put");
    let more = ["metadata.json", "model.pkl", "x"];
    assert!(matches!(put(&more).await, Err(Error::BadManifest { .. })), "a file is not listed");
    fs::write(package.join("model.pkl"), "wEights").unwrap();
    assert!(matches!(put(FILES).await, Err(Error::DigestMismatch { file }) if file == "model.pkl"));
    fs::write(package.join("model.pkl"), "weights and more").unwrap();
    assert!(matches!(put(FILES).await, Err(Error::DigestMismatch { file }) if file == "model.pkl"));
    fs::remove_file(package.join("model.pkl")).unwrap();
    assert!(matches!(put(FILES).await, Err(Error::Missing { .. })));
    symlink("/etc/hostname", package.join("model.pkl")).unwrap();
    assert!(matches!(put(FILES).await, Err(Error::Refused { .. })), "a link could carry any file out");
    for bad in ["../model.pkl", ".sha256", "a/b", "a%2fb", "model#1"] {
        fs::write(package.join("metadata.json"), manifest(&[(bad, b"weights")])).unwrap();
        assert!(matches!(put(&["metadata.json", bad]).await, Err(Error::BadManifest { .. })), "{bad}");
    }
    assert_eq!(place.keys().await, [""; 0]);
}

pub(crate) async fn what_changed_was_cut_short_or_is_gone_is_not_fetched(place: Place) {
    let location = place.put(1, "weights").await.unwrap();
    let model = "mlsys-models-dev/titanic/v1/model.pkl";
    let other = VersionLocation { sha256: "0".repeat(64), ..location.clone() };
    assert!(matches!(place.fetch(&other).await, Err(Error::DigestMismatch { file }) if file == "metadata.json"));
    for content in ["wEights", "weight", "weights!", ""] {
        place.tamper(model, content).await;
        let fetched = place.fetch(&location).await;
        assert!(matches!(fetched, Err(Error::DigestMismatch { ref file }) if file == "model.pkl"), "{fetched:?}");
        assert!(matches!(place.store.verify(&location).await, Err(Error::DigestMismatch { .. })));
    }
    place.lose(model).await;
    assert!(matches!(place.fetch(&location).await, Err(Error::Missing { .. })));
    let absent = VersionLocation { uri: location.uri.replace("/v1", "/v2"), ..location.clone() };
    assert!(matches!(place.fetch(&absent).await, Err(Error::Missing { .. })));
    assert!(names(&place.path("fetched")).is_empty(), "nothing half-done is left");
    place.tamper(model, "weights").await;
    place.fetch(&location).await.unwrap();
}

pub(crate) async fn a_put_that_was_cut_off_is_brought_to_its_end_by_the_same_content_only(place: Place) {
    let location = place.put(1, "weights").await.unwrap();
    place.lose("mlsys-models-dev/titanic/v1/metadata.json").await;
    place.tamper("mlsys-models-dev/titanic/v1/model.pkl", "wei").await;
    assert!(matches!(place.fetch(&location).await, Err(Error::Missing { .. })), "it is not there in part");
    assert!(matches!(place.put(1, "others").await, Err(Error::Conflict { .. })));
    assert_eq!(place.put(1, "weights").await.unwrap(), location);
    place.fetch(&location).await.unwrap();
}

pub(crate) async fn files_may_be_empty_and_have_any_plain_name(place: Place) {
    let files: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("with space.pkl", b"1"),
        ("Käse+ℝ&=.bin", b"2"),
        ("a'(b)~[c]{d}^`|.x", b"3"),
        ("ß \u{1f600}", b"4"),
    ];
    let from = package(&place.path("odd"), &files);
    let named: Vec<_> = files.iter().map(|(name, _)| *name).chain(["metadata.json"]).collect();
    let location = place.store.put_version(&Environment::dev(), &titanic(), 1, &from, &named).await.unwrap();
    let fetched = place.fetch(&location).await.unwrap();
    for (name, content) in files {
        assert_eq!(fs::read(fetched.join(name)).unwrap(), content, "{name}");
    }
    let copied = place.store.copy_version(&location, &"prod".parse().unwrap(), &titanic(), 1).await.unwrap();
    place.store.verify(&copied).await.unwrap();
}

pub(crate) async fn a_pipelines_packages_are_removed_however_many_there_are(place: Place) {
    let (pipeline, other): (PipelineId, PipelineId) = (id(1), id(2));
    let names: Vec<_> = (0..1_050).map(|number| format!("file-{number}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    let from = package(&place.path("many"), &files);
    let all: Vec<_> = names.iter().map(String::as_str).chain(["metadata.json"]).collect();
    place.store.make_packages(pipeline).await.unwrap();
    assert_eq!(place.keys().await.len(), 0, "a folder is no object");
    let many = place.store.keep_package(pipeline, "run-1", &from, &all).await.unwrap();
    place.store.verify(&many).await.unwrap();
    let kept = place.store.keep_package(other, "run-1", &place.package("weights"), FILES).await.unwrap();
    assert!(place.store.keep_package(other, "../run", &place.package("weights"), FILES).await.is_err());
    assert_eq!(place.keys().await.len(), 1_052 + 3);
    place.store.remove_packages(pipeline).await.unwrap();
    assert_eq!(place.keys().await.len(), 3, "nobody else's are removed");
    place.store.remove_packages(pipeline).await.unwrap();
    assert!(matches!(place.fetch(&many).await, Err(Error::Missing { .. })));
    place.fetch(&kept).await.unwrap();
}

pub(crate) async fn a_version_is_copied_byte_for_byte_and_not_at_all_when_a_byte_is_another(place: Place) {
    let source = place.put(1, "weights").await.unwrap();
    let copy = async || place.store.copy_version(&source, &"staging".parse().unwrap(), &titanic(), 1).await;
    let (original, copied) = ("mlsys-models-dev/titanic/v1/model.pkl", "mlsys-models-staging/titanic/v1/model.pkl");
    place.tamper(original, "wEights").await;
    assert!(matches!(copy().await, Err(Error::DigestMismatch { file }) if file == "model.pkl"));
    assert_eq!(place.keys().await.len(), 3, "nothing half-done is left");
    place.tamper(original, "weights").await;

    let taken = copy().await.unwrap();
    assert!(taken.uri.ends_with("/mlsys-models-staging/titanic/v1"), "{}", taken.uri);
    assert_eq!((&taken.sha256, copy().await.unwrap()), (&source.sha256, taken.clone()), "once more changes nothing");
    place.tamper(original, "wEights").await;
    place.store.verify(&taken).await.unwrap();
    assert_eq!(place.store.manifest(&taken).await.unwrap().model_name, titanic());
    place.tamper(copied, "wEights").await;
    assert!(matches!(copy().await, Err(Error::DigestMismatch { .. })), "what is there already is looked at, too");
}

pub(crate) async fn a_large_file_is_copied_and_taken_over_from_another_store(place: Place) {
    // Three pieces, the last one short.
    let large: Vec<u8> = (0..20_000_001_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let from = package(&place.path("large"), &[("model.pkl", &large)]);
    let other = Place::folder("");
    let start = other.store.put_version(&Environment::dev(), &titanic(), 9, &from, FILES).await.unwrap();
    let here = place.store.take_over(&other.store, &start).await.unwrap();
    assert!(here.uri.ends_with("/mlsys-models-dev/titanic/v9") && place.store.holds(&here.uri), "{}", here.uri);
    assert!(!other.store.holds(&here.uri) && !place.store.holds(&start.uri));
    assert_eq!(place.store.address_of(&other.store, &start.uri).unwrap(), here.uri);
    let copied = place.store.copy_version(&here, &"prod".parse().unwrap(), &titanic(), 9).await.unwrap();
    let back = Place::folder("");
    let end = back.store.take_over(&place.store, &copied).await.unwrap();
    assert!(fs::read(back.fetch(&end).await.unwrap().join("model.pkl")).unwrap() == large);
    assert!(matches!(place.store.take_over(&other.store, &here).await, Err(Error::Refused { .. })));

    other.tamper("mlsys-models-dev/titanic/v9/model.pkl", "cut").await;
    place.lose("mlsys-models-dev/titanic/v9/metadata.json").await;
    assert!(matches!(place.store.take_over(&other.store, &start).await, Err(Error::DigestMismatch { .. })));
    assert!(matches!(place.fetch(&here).await, Err(Error::Missing { .. })), "it is not there in part");
    assert_eq!(place.gcs.as_ref().map_or(0, testkit::Gcs::open_uploads), 0);
}

pub(crate) async fn only_a_version_within_the_store_is_read(place: Place) {
    let location = place.put(1, "weights").await.unwrap();
    let root = location.uri.strip_suffix("/mlsys-models-dev/titanic/v1").unwrap().to_owned();
    let (scheme, rest) = root.split_once("://").unwrap();
    for uri in [
        "file:///etc/titanic/v1".to_owned(),
        format!("{root}/../package/v1"),
        format!("{root}/mlsys-models-dev/titanic/../titanic/v1"),
        format!("{root}/mlsys-models-dev/titanic/%76%31"),
        format!("{root}/mlsys-models-dev/titanic/v1/"),
        format!("{root}/mlsys-models-dev//titanic/v1"),
        format!("{root}/mlsys-models-evil/titanic/v1"),
        format!("{root}/elsewhere/titanic/v1"),
        format!("{root}-other/mlsys-models-dev/titanic/v1"),
        format!("{scheme}://elsewhere/{rest}/mlsys-models-dev/titanic/v1"),
        format!("https://{rest}/mlsys-models-dev/titanic/v1"),
        "s3://bucket/titanic/v1".to_owned(),
        String::new(),
    ] {
        let elsewhere = VersionLocation { uri: uri.clone(), ..location.clone() };
        assert!(matches!(place.fetch(&elsewhere).await, Err(Error::Refused { .. })), "{uri}");
        assert!(matches!(place.store.manifest(&elsewhere).await, Err(Error::Refused { .. })), "{uri}");
        let copied = place.store.copy_version(&elsewhere, &"staging".parse().unwrap(), &titanic(), 2).await;
        assert!(matches!(copied, Err(Error::Refused { .. })), "{uri}");
    }
}

fn id(number: u128) -> PipelineId {
    uuid::Uuid::from_u128(number).to_string().parse().unwrap()
}
