//! Where a version comes from, as a running mlsys says it.

use provenance::{Envelope, SigningKey, check};
use serde_json::json;
use sha2::{Digest, Sha256};
use testkit::{Notebook, Project};

use crate::mlsys;

#[tokio::test(flavor = "multi_thread")]
async fn a_version_says_signed_where_it_comes_from() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "signed");
    let notebook = Notebook::valid("signed").json();
    let digest = hex::encode(Sha256::digest(&notebook));
    let pipeline = mlsys.succeeded(project.push_notebook("n.ipynb", notebook)).await;
    assert!(pipeline.deployed, "{:?}", pipeline.reason);
    let version = mlsys.get("/api/models/signed/versions/1").await;
    let answer = mlsys.answer("/api/models/signed/versions/1/provenance").await;
    assert_eq!(answer.headers()["content-type"], "application/vnd.dsse.envelope.v1+json");
    let envelope = answer.bytes().await.expect("a body");

    let key = std::fs::read_to_string(mlsys.home().join("signing.secret")).expect("a key");
    let key = key.parse::<SigningKey>().expect("a key").public();
    let manifest = serde_json::from_value(version["manifest"].clone()).expect("a manifest");
    let sha256 = version["sha256"].as_str().expect("a digest");
    assert_eq!(check(&envelope, &[key], (&manifest, sha256, 1)), Ok(()));
    let said = serde_json::from_slice::<Envelope>(&envelope).expect("an envelope").said().expect("a statement");
    let made = &said["predicate"]["buildDefinition"];
    let from = &made["resolvedDependencies"];
    assert_eq!(from[0]["digest"]["gitCommit"], json!(pipeline.commit_sha));
    assert_eq!((&from[1]["uri"], &from[1]["digest"]["sha256"]), (&json!("n.ipynb"), &json!(digest)));
    let packages = from[2]["annotations"]["packages"].as_array().expect("packages");
    let has = |name: &str| packages.iter().any(|line| line.as_str().is_some_and(|line| line.starts_with(name)));
    assert!(has("scikit-learn==") && has("numpy=="), "{packages:?}");
    let run = &said["predicate"]["runDetails"];
    assert_eq!(run["byproducts"][1]["annotations"]["id"], json!(pipeline.mlflow_run_id));
    assert_eq!(run["metadata"]["invocationId"], json!(pipeline.id));
    assert!(run["byproducts"][0]["annotations"]["accuracy"].is_number(), "{run}");
    let verify =
        |arguments: &[&str]| mlsys.cli(&[&["verify", "signed", "1"], arguments].concat()).output().expect("it runs");
    let well = verify(&[]);
    let text = String::from_utf8_lossy(&well.stdout).into_owned();
    assert!(well.status.success() && text.contains(pipeline.commit_sha.as_str()), "{text}");
    let other = verify(&["--key", &"1".repeat(64)]);
    assert!(!other.status.success(), "another key");
    assert!(String::from_utf8_lossy(&other.stderr).contains("none of the keys"), "{other:?}");
    let kept = mlsys.home().join("artifacts/mlsys-models-dev/signed/v1/provenance.json");
    assert_eq!(std::fs::read(kept).expect("it is kept"), envelope);
}
