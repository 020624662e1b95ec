//! `mlsys verify`: whether what is said of where a version comes from is signed, and of these files.

use std::process::ExitCode;

use anyhow::{Context, bail};
use contract::{ModelManifest, ModelName};
use provenance::{Envelope, PublicKey, SigningKey, check};
use serde::Deserialize;
use serde_json::Value;

use crate::{client::Client, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model's name
    model: ModelName,
    /// The version
    version: u64,
    /// A public key that may have signed it; without one: `VERIFYING_KEYS`, or the key of `SIGNING_KEY`, or that of `MLSYS_HOME`
    #[arg(long)]
    key: Vec<PublicKey>,
    /// Print all that is said, as JSON
    #[arg(long)]
    json: bool,
}

/// What the API tells of a version.
#[derive(Deserialize)]
struct Version {
    sha256: String,
    manifest: ModelManifest,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let Args { model, version, key, json } = args;
    let keys = if key.is_empty() { own_keys(settings)? } else { key };
    let client = Client::new(settings)?;
    let path = format!("/api/models/{model}/versions/{version}");
    let told: Version = client.get(&path, &[]).await?;
    let envelope: Envelope = client.get(&format!("{path}/provenance"), &[]).await?;
    check(&serde_json::to_vec(&envelope)?, &keys, (&told.manifest, &told.sha256, version))
        .with_context(|| format!("{model} {version}"))?;
    let said = envelope.said().context("what is said can't be read")?;
    if json {
        println!("{said:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let text = |pointer: &str| said.pointer(pointer).and_then(Value::as_str).unwrap_or("–").to_owned();
    println!("{model} {version}: what is said of where it comes from is signed, and of its files");
    for (name, pointer) in [
        ("repository", "/predicate/buildDefinition/externalParameters/repository"),
        ("commit", "/predicate/buildDefinition/resolvedDependencies/0/digest/gitCommit"),
        ("notebook", "/predicate/buildDefinition/externalParameters/notebook"),
        ("pipeline", "/predicate/runDetails/metadata/invocationId"),
        ("began", "/predicate/runDetails/metadata/startedOn"),
    ] {
        println!("  {name:12} {}", text(pointer));
    }
    Ok(ExitCode::SUCCESS)
}

/// The keys of this mlsys.
fn own_keys(settings: &Settings) -> anyhow::Result<Vec<PublicKey>> {
    if let Some(given) = settings.get("VERIFYING_KEYS") {
        return given.split(',').map(|text| text.trim().parse().context("VERIFYING_KEYS")).collect();
    }
    let kept = || std::fs::read_to_string(settings.home.join("signing.secret")).ok();
    let Some(key) = settings.secret("SIGNING_KEY").map(|key| key.expose().to_owned()).or_else(kept) else {
        bail!("there is no key to check it with: name one with --key");
    };
    Ok(vec![key.parse::<SigningKey>().context("SIGNING_KEY")?.public()])
}
