//! `mlsys predict`: a deployed model's predictions, of rows or of a whole table.

use std::{io::Read, process::ExitCode};

use anyhow::{Context, bail};
use serde_json::json;
use warehouse::TableName;

use super::batch;
use crate::{client::Client, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// MODEL [ROWS], the rows being JSON, `@FILE`, or `-` for standard input, as in titanic '[{"Age": 29, "Sex": "female"}]';
    /// or, for a table, `ENV INPUT_TABLE OUTPUT_TABLE MODEL [VERSION]`
    #[arg(value_name = "WORDS", num_args = 0..=5)]
    words: Vec<String>,
    /// The model's name, as a flag
    #[arg(long = "model_name", alias = "model-name")]
    model_name: Option<String>,
    /// A version other than the deployed one: v1 or 1
    #[arg(long = "model_version", alias = "model-version", value_parser = batch::version)]
    version: Option<u64>,
    /// The environment
    #[arg(long)]
    env: Option<String>,
    /// A table whose rows are scored, as project.dataset.table
    #[arg(long = "input_table", alias = "input-table", requires = "output_table")]
    input_table: Option<TableName>,
    /// The table that they are appended to, with the predictions
    #[arg(long = "output_table", alias = "output-table", requires = "input_table")]
    output_table: Option<TableName>,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    if let (Some(input), Some(output)) = (&args.input_table, &args.output_table) {
        let named = args.model_name.as_ref().or(args.words.first());
        let model = named.context("name a model: --model_name")?;
        if args.words.len() > usize::from(args.model_name.is_none()) {
            bail!("too many words beside --input_table and --output_table");
        }
        let environment = args.env.as_deref().unwrap_or("dev");
        return table(&client, (environment, model, args.version), (input, output)).await;
    }
    if let [environment, input, output, model, version @ ..] = &*args.words {
        if args.env.is_some() || args.model_name.is_some() || (args.version.is_some() && !version.is_empty()) {
            bail!("ENV INPUT_TABLE OUTPUT_TABLE MODEL [VERSION] are given as words or as flags, not as both");
        }
        let version = version.first().map(|version| batch::version(version)).transpose().map_err(anyhow::Error::msg)?;
        return table(&client, (environment, model, version.or(args.version)), (&input.parse()?, &output.parse()?)).await;
    }
    rows(&client, args).await
}

/// Sends a table through a model, and waits until that is done.
async fn table(
    client: &Client,
    (environment, model, version): (&str, &str, Option<u64>),
    (input, output): (&TableName, &TableName),
) -> anyhow::Result<ExitCode> {
    let body = json!({
        "environment": environment, "model_name": model, "version": version, "input_table": input, "output_table": output,
    });
    let made = client.post("/api/batch-predictions", body.to_string()).await?;
    batch::wait(client, made, false).await
}

async fn rows(client: &Client, args: Args) -> anyhow::Result<ExitCode> {
    let mut words = args.words.into_iter();
    // Named by a flag, the model is no word.
    let model = args.model_name.or_else(|| words.next()).context("name a model")?;
    let model: contract::ModelName = model.parse()?;
    let given = words.next().unwrap_or_else(|| "-".to_owned());
    if words.next().is_some() {
        bail!("too many words: for a table give ENV INPUT_TABLE OUTPUT_TABLE MODEL [VERSION]");
    }
    let rows = match given.as_str() {
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
    let answer: serde_json::Value = client.post(&format!("/api/models/{model}/predict{query}"), rows).await?;
    println!("{answer:#}");
    Ok(ExitCode::SUCCESS)
}
