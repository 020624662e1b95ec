//! What is said of a version holds for that version, by a key that is known, and for nothing else.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::ModelManifest;
use jiff::Timestamp;
use provenance::{Envelope, Facts, PublicKey, Refused, SigningKey, check, sign};
use serde_json::{Value, json};

const COMMIT: &str = "5555555555555555555555555555555555555555";

fn manifest() -> ModelManifest {
    let file = |digit: &str| json!({ "sha256": digit.repeat(64), "size": 3 });
    serde_json::from_value(json!({
        "format": 1, "model_name": "prices", "declared_version": "1", "task": "regression", "flavour": "onnx",
        "signature": {"kind": "tensor", "tensor": {"dtype": "float64", "shape": [-1, 1]}},
        "input_example": {"inputs": [[1.0]]}, "expected_output": {"predictions": [1.0]}, "python_version": "3.11.7",
        "files": {"model.pkl": file("a"), "model.onnx": file("b")}
    }))
    .unwrap()
}

fn sha256() -> String {
    "c".repeat(64)
}

fn key(digit: &str) -> SigningKey {
    digit.repeat(64).parse().unwrap()
}

fn signed(key: &SigningKey) -> Vec<u8> {
    let parameters = BTreeMap::from([("seed".to_owned(), json!(7))]);
    let metrics = BTreeMap::from([("accuracy".to_owned(), json!(0.9)), ("auc".to_owned(), json!("NaN"))]);
    let packages = BTreeMap::from([("numpy".to_owned(), "2.1.0".to_owned()), ("pip".to_owned(), "24".to_owned())]);
    let facts = Facts {
        version: 3,
        manifest: &manifest(),
        sha256: &sha256(),
        source: ("octocat/prices", "main", COMMIT),
        notebook: ("n.ipynb", Some(&"d".repeat(64))),
        parameters: &parameters,
        metrics: &metrics,
        packages: &packages,
        pipeline: "0193b5a0-0000-7000-8000-000000000001".parse().unwrap(),
        mlflow_run: "run-1",
        times: (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH),
        mlsys: "0.1.0",
    };
    sign(facts, key).unwrap()
}

fn checked(envelope: &[u8], keys: &[PublicKey]) -> Result<(), Refused> {
    check(envelope, keys, (&manifest(), &sha256(), 3))
}

/// An envelope with one field changed.
fn with(envelope: &[u8], pointer: &str, value: Value) -> Vec<u8> {
    let mut changed: Value = serde_json::from_slice(envelope).unwrap();
    *changed.pointer_mut(pointer).unwrap() = value;
    serde_json::to_vec(&changed).unwrap()
}

#[test]
fn what_is_said_is_an_in_toto_statement_of_all_files_and_all_that_made_them() {
    let key = key("1");
    let envelope = signed(&key);
    assert_eq!(checked(&envelope, &[key.public()]), Ok(()));
    assert_eq!(signed(&key), envelope, "the same is said in the same words");
    let envelope: Envelope = serde_json::from_slice(&envelope).unwrap();
    let said = envelope.said().unwrap();
    assert_eq!(
        (&said["_type"], &said["predicateType"]),
        (&json!("https://in-toto.io/Statement/v1"), &json!("https://slsa.dev/provenance/v1"))
    );
    let subjects: BTreeMap<_, _> = said["subject"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["name"].to_string(), file["digest"]["sha256"].clone()))
        .collect();
    let digest = |digit: &str| json!(digit.repeat(64));
    assert_eq!(
        subjects,
        [("\"metadata.json\"", "c"), ("\"model.onnx\"", "b"), ("\"model.pkl\"", "a")]
            .map(|(name, digit)| (name.to_owned(), digest(digit)))
            .into()
    );
    let made = &said["predicate"]["buildDefinition"];
    assert_eq!(
        made["externalParameters"],
        json!({
            "repository": "octocat/prices", "branch": "main", "notebook": "n.ipynb", "parameters": {"seed": 7}
        })
    );
    let from = &made["resolvedDependencies"];
    assert_eq!((&from[0]["digest"]["gitCommit"], &from[1]["digest"]["sha256"]), (&json!(COMMIT), &digest("d")));
    assert_eq!(from[2]["annotations"]["packages"], json!(["numpy==2.1.0", "pip==24"]));
    // SHA-256 of the two lines.
    assert_eq!(from[2]["digest"]["sha256"], "c9054870a5572abe3a401f2b764f7473e42581484be3ec2be39255baef05ab26");
    let run = &said["predicate"]["runDetails"];
    assert_eq!(run["byproducts"][0]["annotations"], json!({"accuracy": 0.9, "auc": "NaN"}));
    assert_eq!(
        (&run["byproducts"][1]["annotations"]["id"], &run["builder"]["version"]["mlsys"]),
        (&json!("run-1"), &json!("0.1.0"))
    );
}

#[test]
fn nothing_that_was_changed_holds() {
    let key = key("1");
    let (envelope, keys) = (signed(&key), [key.public()]);
    // The text, by a word and by a bit; the signature; the type that it is signed with.
    let text = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let payload = serde_json::from_slice::<Value>(&envelope).unwrap()["payload"].as_str().unwrap().to_owned();
        json!(STANDARD.encode(change(STANDARD.decode(payload).unwrap())))
    };
    let other_commit = |payload: Vec<u8>| String::from_utf8(payload).unwrap().replace(COMMIT, &"6".repeat(40)).into_bytes();
    let longer = |payload: Vec<u8>| [payload, b" ".to_vec()].concat();
    for (pointer, value) in [
        ("/payload", text(&other_commit)),
        ("/payload", text(&longer)),
        ("/signatures/0/sig", json!(STANDARD.encode([7; 64]))),
        ("/signatures/0/sig", json!("")),
    ] {
        assert_eq!(checked(&with(&envelope, pointer, value), &keys), Err(Refused::BadSignature), "{pointer}");
    }
    for (pointer, value) in [
        ("/payloadType", json!("application/json")),
        ("/payload", json!("not base64!")),
        ("/payload", json!(7)),
        ("/signatures", json!("none")),
    ] {
        assert!(matches!(checked(&with(&envelope, pointer, value), &keys), Err(Refused::Unreadable(_))), "{pointer}");
    }
    assert_eq!(checked(&with(&envelope, "/signatures", json!([])), &keys), Err(Refused::UnknownKey));
    for text in [&b""[..], b"{}", b"[]", b"\xff"] {
        assert!(matches!(checked(text, &keys), Err(Refused::Unreadable(_))));
    }
}

#[test]
fn only_keys_that_are_known_count_whatever_a_signature_says_of_itself() {
    let (ours, theirs) = (key("1"), key("2"));
    let envelope = signed(&theirs);
    assert_eq!(checked(&envelope, &[ours.public()]), Err(Refused::UnknownKey));
    assert_eq!(checked(&envelope, &[]), Err(Refused::UnknownKey));
    let posing = with(&envelope, "/signatures/0/keyid", json!(ours.public().id()));
    assert_eq!(checked(&posing, &[ours.public()]), Err(Refused::BadSignature));
    assert_eq!(checked(&envelope, &[ours.public(), theirs.public()]), Ok(()), "of several keys, one");
    let nameless = with(&envelope, "/signatures/0/keyid", json!(""));
    assert_eq!(checked(&nameless, &[theirs.public()]), Ok(()), "the name is a hint");
    // A good signature among others.
    let mut many: Value = serde_json::from_slice(&envelope).unwrap();
    let signatures = many["signatures"].as_array_mut().unwrap();
    signatures.insert(0, json!({ "keyid": "x", "sig": "" }));
    assert_eq!(checked(&serde_json::to_vec(&many).unwrap(), &[theirs.public()]), Ok(()));
}

#[test]
fn it_holds_for_no_other_version_and_no_other_files() {
    let key = key("1");
    let (envelope, keys) = (signed(&key), [key.public()]);
    let with_files = |change: &dyn Fn(&mut ModelManifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        check(&envelope, &keys, (&manifest, &sha256(), 3))
    };
    let differs = |name: &str| Err(Refused::OtherFiles(name.to_owned()));
    assert_eq!(check(&envelope, &keys, (&manifest(), &sha256(), 4)), Err(Refused::OtherVersion("prices 3".to_owned())));
    let renamed = with_files(&|manifest| manifest.model_name = "other".parse().unwrap());
    assert_eq!(renamed, Err(Refused::OtherVersion("prices 3".to_owned())));
    assert_eq!(check(&envelope, &keys, (&manifest(), &"e".repeat(64), 3)), differs("metadata.json"));
    let changed = |manifest: &mut ModelManifest| manifest.files.get_mut("model.onnx").unwrap().sha256 = "e".repeat(64);
    assert_eq!(with_files(&changed), differs("model.onnx"));
    assert_eq!(with_files(&|manifest| drop(manifest.files.remove("model.pkl"))), differs("model.pkl"));
    let more = |manifest: &mut ModelManifest| {
        let file = manifest.files["model.pkl"].clone();
        manifest.files.insert("more.bin".to_owned(), file);
    };
    assert_eq!(with_files(&more), differs("more.bin"));
}

#[test]
fn a_key_is_32_bytes_and_is_not_shown() {
    for wrong in ["", "1", &"1".repeat(63), &"1".repeat(65), &"g".repeat(64)] {
        assert!(wrong.parse::<SigningKey>().is_err() && wrong.parse::<PublicKey>().is_err(), "{wrong}");
    }
    let key = key("1");
    assert_eq!(format!("{key:?}"), "***");
    assert_eq!(key.public().to_string().parse::<PublicKey>().unwrap(), key.public());
    // RFC 8032, 7.1, the first test.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(seed.parse::<SigningKey>().unwrap().public().to_string(), public);
}
