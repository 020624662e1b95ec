//! What is said of a version, and whether it is said of this one.

use std::collections::BTreeMap;

use contract::{MANIFEST_FILE, ModelManifest, ModelName, PipelineId};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Envelope, PublicKey, SigningKey};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";
/// How versions are made: a notebook is run and its model packaged.
const BUILD: &str = "urn:mlsys:notebook:v1";
/// Who makes them.
const BUILDER: &str = "urn:mlsys:worker";

/// What is known of how a version was made.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The registry version.
    pub version: u64,
    /// What it is; its model and its files.
    pub manifest: &'a ModelManifest,
    /// SHA-256 of its `metadata.json`, in hex.
    pub sha256: &'a str,
    /// The repository, its branch and the commit.
    pub source: (&'a str, &'a str, &'a str),
    /// The notebook's path, and its SHA-256, in hex, if that was noted.
    pub notebook: (&'a str, Option<&'a str>),
    /// The parameters that it ran with.
    pub parameters: &'a BTreeMap<String, Value>,
    /// The metrics that its gates read.
    pub metrics: &'a BTreeMap<String, Value>,
    /// Everything in the Python environment that it ran in: versions by distribution name.
    pub packages: &'a BTreeMap<String, String>,
    /// The pipeline.
    pub pipeline: PipelineId,
    /// The MLflow run.
    pub mlflow_run: &'a str,
    /// When the pipeline began, and when this is said.
    pub times: (Timestamp, Timestamp),
    /// The mlsys that made it.
    pub mlsys: &'a str,
}

/// Why a version's provenance does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no envelope, or no statement.
    #[error("its provenance can't be read: {0}")]
    Unreadable(String),
    /// No key that is known has signed it.
    #[error("its provenance is signed by none of the keys of this mlsys")]
    UnknownKey,
    /// A key that is known is said to have signed it, and has not.
    #[error("its provenance was changed after it was signed")]
    BadSignature,
    /// It is said of another version.
    #[error("its provenance is that of another version: {0}")]
    OtherVersion(String),
    /// It is said of other files.
    #[error("its provenance is not of these files: {0} differs")]
    OtherFiles(String),
}

/// Says where a version comes from.
///
/// # Errors
/// When the statement has no form as JSON.
pub fn sign(facts: Facts<'_>, key: &SigningKey) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Envelope::sign(&serde_json::to_vec(&statement(facts))?, key))
}

/// Checks that one of these keys has signed where this version comes from: `envelope` is the text that [`sign`] made, `sha256`
/// the digest of the version's `metadata.json`, whose files are taken to be the ones that it lists.
pub fn check(
    envelope: &[u8],
    keys: &[PublicKey],
    (manifest, sha256, version): (&ModelManifest, &str, u64),
) -> Result<(), Refused> {
    let envelope: Envelope = read(envelope)?;
    let statement: Statement = read(&envelope.open(keys)?)?;
    if (statement.kind.as_str(), statement.predicate_type.as_str()) != (STATEMENT, PREDICATE) {
        return Err(Refused::Unreadable("it is a statement of another kind".to_owned()));
    }
    let of = &statement.predicate.build_definition.internal_parameters;
    if (&of.model, of.version) != (&manifest.model_name, version) {
        return Err(Refused::OtherVersion(format!("{} {}", of.model, of.version)));
    }
    let said: BTreeMap<_, _> = statement.subject.iter().map(|file| (&*file.name, &*file.digest.sha256)).collect();
    let there: BTreeMap<_, _> = files(manifest, sha256).collect();
    let name = said.iter().find(|(name, sha256)| there.get(*name) != Some(sha256)).map(|(name, _)| *name);
    match name.or_else(|| there.keys().find(|name| !said.contains_key(*name)).copied()) {
        Some(name) => Err(Refused::OtherFiles(name.to_owned())),
        None => Ok(()),
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(text).map_err(|error| Refused::Unreadable(error.to_string()))
}

/// All files of a version, each with its SHA-256.
fn files<'a>(manifest: &'a ModelManifest, sha256: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let listed = manifest.files.iter().map(|(name, file)| (name.as_str(), file.sha256.as_str()));
    std::iter::once((MANIFEST_FILE, sha256)).chain(listed)
}

fn statement(facts: Facts<'_>) -> Value {
    let Facts { manifest, source: (repo, branch, commit), notebook: (path, notebook), .. } = facts;
    let subject: Vec<_> = files(manifest, facts.sha256)
        .map(|(name, sha256)| json!({ "name": name, "digest": { "sha256": sha256 } }))
        .collect();
    let packages: Vec<_> = facts.packages.iter().map(|(name, version)| format!("{name}=={version}")).collect();
    let lock = hex::encode(Sha256::digest(packages.join("\n")));
    json!({
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {
                    "repository": repo, "branch": branch, "notebook": path, "parameters": facts.parameters,
                },
                "internalParameters": {
                    "model": manifest.model_name, "version": facts.version, "declaredVersion": manifest.declared_version,
                    "pythonVersion": manifest.python_version, "environment": manifest.environment,
                },
                "resolvedDependencies": [
                    { "name": "repository", "uri": repo, "digest": { "gitCommit": commit } },
                    { "name": "notebook", "uri": path, "digest": notebook.map_or(json!({}), |sha256| json!({ "sha256": sha256 })) },
                    // The digest is of the lines of the list, with a line break between each two.
                    { "name": "python-environment", "digest": { "sha256": lock }, "annotations": { "packages": packages } },
                ],
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "mlsys": facts.mlsys } },
                "metadata": {
                    "invocationId": facts.pipeline, "startedOn": facts.times.0, "finishedOn": facts.times.1,
                },
                "byproducts": [
                    { "name": "metrics", "annotations": facts.metrics },
                    { "name": "mlflow-run", "annotations": { "id": facts.mlflow_run } },
                ],
            },
        },
    })
}

/// A statement, as much of it as is checked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: Sha,
}

#[derive(Deserialize)]
struct Sha {
    sha256: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    build_definition: BuildDefinition,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    internal_parameters: Version,
}

#[derive(Deserialize)]
struct Version {
    model: ModelName,
    version: u64,
}
