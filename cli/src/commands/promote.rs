//! `mlsys promote`: takes a deployed version over into the environment that follows.

use std::process::ExitCode;

use anyhow::Context;
use contract::{Environment, ModelName};
use serde_json::{Value, json};

use crate::{client::Client, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model
    model: ModelName,
    /// Where it is to be: staging or prod
    #[arg(long = "to", alias = "env")]
    to: Environment,
    /// The version; without it, the one that serves in the environment before
    #[arg(long, alias = "model_version")]
    version: Option<u64>,
    /// For prod: the word production
    #[arg(long)]
    confirm: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let Args { model, to, version, confirm, json } = args;
    let client = Client::new(settings)?;
    let before = Environment::ALL.into_iter().filter_map(|name| name.parse::<Environment>().ok());
    let from = before.into_iter().find(|from| from.following().as_ref() == Some(&to));
    let Some(from) = from else { anyhow::bail!("nothing is promoted to {to}: pushes are deployed there") };
    let version = if let Some(version) = version {
        version
    } else {
        let found: Value = client.get(&format!("/api/models/{model}"), &[]).await?;
        let serves = found["environments"][from.as_str()].as_u64();
        serves.with_context(|| format!("nothing of {model} serves in {from}"))?
    };
    let body = json!({ "version": version, "from": from, "to": to, "confirm": confirm });
    let made: Value = client.post(&format!("/api/models/{model}/promote"), body.to_string()).await?;
    if json {
        println!("{made:#}");
    } else if made["state"] == "waiting" {
        println!(
            "Version {version} of {model} waits for somebody else to approve it: {}",
            made["id"].as_str().unwrap_or_default()
        );
    } else {
        println!("{}", made["detail"].as_str().unwrap_or_default());
    }
    Ok(ExitCode::SUCCESS)
}
