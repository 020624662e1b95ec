//! `mlsys predict`: a deployed model's predictions.

use std::{io::Read, process::ExitCode};

use anyhow::Context;

use crate::{client::Client, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model's name
    #[arg(value_name = "MODEL", required_unless_present = "model_name")]
    model: Option<String>,
    /// The model's name, as a flag
    #[arg(long = "model_name", alias = "model-name", conflicts_with = "model")]
    model_name: Option<String>,
    /// The rows: JSON, `@FILE`, or `-` for standard input; e.g. '[{"Age": 29, "Sex": "female"}]'
    #[arg(value_name = "ROWS", default_value = "-")]
    rows: String,
    /// A version other than the deployed one
    #[arg(long = "model_version", alias = "model-version")]
    version: Option<u64>,
    /// The environment
    #[arg(long)]
    env: Option<String>,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let model: contract::ModelName = args.model.or(args.model_name).context("name a model")?.parse()?;
    let rows = match args.rows.as_str() {
        "-" => {
            let mut rows = String::new();
            std::io::stdin().read_to_string(&mut rows).context("standard input can't be read")?;
            rows
        }
        text => match text.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("{file} can't be read"))?,
            None => text.to_owned(),
        },
    };
    let mut query: Vec<String> = Vec::new();
    query.extend(args.version.map(|version| format!("version={version}")));
    query.extend(
        args.env
            .map(|env| env.parse::<contract::Environment>())
            .transpose()
            .map_err(anyhow::Error::msg)?
            .map(|env| format!("env={env}")),
    );
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let client = Client::new(settings)?;
    let answer: serde_json::Value = client.post(&format!("/api/models/{model}/predict{query}"), rows).await?;
    println!("{answer:#}");
    Ok(ExitCode::SUCCESS)
}
