//! What is said of where a version comes from is looked at before it is loaded.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ::provenance::{Facts, PublicKey, SigningKey, sign};
use artifacts::VersionLocation;
use contract::ModelManifest;
use jiff::Timestamp;
use model_server::ProvenanceRule;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Place, Server, outcome};

const ROWS: &str = r#"{"inputs":[[1,2,3]]}"#;

fn key(digit: &str) -> SigningKey {
    digit.repeat(64).parse().unwrap()
}

fn rule(keys: &[PublicKey], required: bool) -> ProvenanceRule {
    ProvenanceRule { keys: keys.to_vec(), required }
}

fn folder(place: &Place, version: u64) -> PathBuf {
    place.artifacts().join(format!("mlsys-models-dev/prices/v{version}"))
}

/// What a worker with this key says of what is in a folder.
fn said(folder: &Path, version: u64, key: &SigningKey) -> Vec<u8> {
    let bytes = fs::read(folder.join("metadata.json")).unwrap();
    let manifest: ModelManifest = serde_json::from_slice(&bytes).unwrap();
    let facts = Facts {
        version,
        manifest: &manifest,
        sha256: &hex::encode(Sha256::digest(&bytes)),
        source: ("octocat/prices", "main", "5555555555555555555555555555555555555555"),
        notebook: ("n.ipynb", None),
        parameters: &BTreeMap::new(),
        metrics: &BTreeMap::new(),
        packages: &BTreeMap::new(),
        pipeline: "0193b5a0-0000-7000-8000-000000000001".parse().unwrap(),
        mlflow_run: "run-1",
        times: (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH),
        mlsys: "0.1.0",
    };
    sign(facts, key).unwrap()
}

async fn put_signed(place: &Place, version: u64, key: &SigningKey) -> VersionLocation {
    let location = place.put("prices", "prices", version).await;
    let folder = folder(place, version);
    fs::write(folder.join("provenance.json"), said(&folder, version, key)).unwrap();
    location
}

async fn served(server: &Server) -> Value {
    server.answer("prices", ROWS).await["model_version"].clone()
}

#[tokio::test]
async fn what_does_not_hold_is_refused_and_the_version_before_goes_on_serving() {
    let mut place = Place::new();
    let (ours, theirs) = (key("1"), key("2"));
    place.provenance = rule(&[ours.public()], false);
    let server = place.serve().await;
    let first = put_signed(&place, 1, &ours).await;
    server.loads("prices", &first, 1, "dev").await;
    let second = put_signed(&place, 2, &ours).await;
    let file = folder(&place, 2).join("provenance.json");
    let good = fs::read(&file).unwrap();

    let mut changed: Value = serde_json::from_slice(&good).unwrap();
    let payload = changed["payload"].as_str().unwrap().replace("NTU1NTU1", "NjY2NjY2");
    assert_ne!(changed["payload"], payload, "the commit is another one");
    changed["payload"] = json!(payload);
    let bad = [
        ("a changed statement", serde_json::to_vec(&changed).unwrap()),
        ("another key", said(&folder(&place, 2), 2, &theirs)),
        ("another version's", said(&folder(&place, 1), 1, &ours)),
        ("no envelope", b"{}".to_vec()),
        ("nothing", Vec::new()),
        ("no text", vec![0xff; 9]),
    ];
    for (what, bytes) in bad {
        fs::write(&file, bytes).unwrap();
        let refused = outcome(server.load("prices", &second, 2, "dev").await).await;
        assert_eq!(refused, (422, "provenance_refused".to_owned()), "{what}");
        assert_eq!(served(&server).await, 1, "{what}");
    }
    fs::write(&file, good).unwrap();
    server.loads("prices", &second, 2, "dev").await;
    assert_eq!(served(&server).await, 2);
    server.stop().await;
}

/// Whoever may write to the artifacts and to the database changes a file and all digests of it, and can't sign that.
#[tokio::test]
async fn a_changed_file_is_refused_though_every_digest_fits() {
    let mut place = Place::new();
    let ours = key("1");
    place.provenance = rule(&[ours.public()], false);
    let server = place.serve().await;
    put_signed(&place, 1, &ours).await;
    let folder = folder(&place, 1);
    let mut model = fs::read(folder.join("model.onnx")).unwrap();
    model.push(0);
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.join("metadata.json")).unwrap()).unwrap();
    manifest["files"]["model.onnx"] = json!({ "sha256": hex::encode(Sha256::digest(&model)), "size": model.len() });
    let text = manifest.to_string();
    fs::write(folder.join("model.onnx"), model).unwrap();
    fs::write(folder.join("metadata.json"), &text).unwrap();
    let uri = format!("file://{}", folder.display());
    let forged = VersionLocation { uri, sha256: hex::encode(Sha256::digest(&text)) };
    let refused = outcome(server.load("prices", &forged, 1, "dev").await).await;
    assert_eq!(refused, (422, "provenance_refused".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn versions_of_before_are_served_until_provenance_is_required() {
    let mut place = Place::new();
    let ours = key("1");
    let before = place.put("prices", "prices", 1).await;
    let server = place.serve().await;
    server.loads("prices", &before, 1, "dev").await;
    server.stop().await;

    // The same home, by an mlsys that looks for it.
    place.provenance = rule(&[ours.public()], false);
    let server = place.serve().await;
    server.until("/ready", 200).await;
    assert_eq!(served(&server).await, 1);
    server.loads("prices", &before, 1, "staging").await;
    let signed = put_signed(&place, 2, &ours).await;
    server.loads("prices", &signed, 2, "prod").await;
    server.stop().await;

    place.provenance = rule(&[ours.public()], true);
    let server = place.serve().await;
    let ready = server.until("/ready", 200).await;
    assert_eq!((&ready["models"], &ready["failed"][0]["code"]), (&json!(1), &json!("provenance_missing")), "{ready}");
    assert_eq!(served(&server).await, 2);
    let refused = outcome(server.load("prices", &before, 1, "dev").await).await;
    assert_eq!(refused, (422, "provenance_missing".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a_copy_whose_provenance_was_changed_is_fetched_anew() {
    let mut place = Place::new();
    let ours = key("1");
    place.provenance = rule(&[ours.public()], true);
    let location = put_signed(&place, 1, &ours).await;
    let server = place.serve().await;
    server.loads("prices", &location, 1, "dev").await;
    server.stop().await;
    let copy = fs::read_dir(place.state().join("models/prices")).unwrap().next().unwrap().unwrap().path();
    let kept = copy.join("provenance.json");
    fs::write(&kept, "{}").unwrap();
    let server = place.serve().await;
    assert_eq!(server.until("/ready", 200).await["models"], 1);
    assert_eq!(fs::read(&kept).unwrap(), fs::read(folder(&place, 1).join("provenance.json")).unwrap());
    server.stop().await;
}
