//! `mlsys models`: the list, with what is deployed where.

use std::process::ExitCode;

use contract::Environment;
use serde_json::Value;

use crate::{
    client::{Client, Page},
    settings::Settings,
    table,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Those with each of these words in their name
    search: Option<String>,
    /// Those deployed there: dev, staging or prod
    #[arg(long = "env")]
    environment: Option<Environment>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.search.map(|words| ("search", words)));
    query.extend(args.environment.map(|environment| ("environment", environment.to_string())));
    if args.json {
        println!("{:#}", client.get::<Value>("/api/models", &query).await?);
        return Ok(ExitCode::SUCCESS);
    }
    let page: Page<Value> = client.get("/api/models", &query).await?;
    if page.items.is_empty() {
        println!("No models. `mlsys push` in a repository with a tagged notebook makes one.");
        return Ok(ExitCode::SUCCESS);
    }
    let row = |model: &Value| {
        let text = |field: &str| model[field].as_str().unwrap_or_default().to_owned();
        let serves = |environment: &str| match model["environments"][environment].as_u64() {
            Some(version) => format!("v{version}"),
            None => "-".to_owned(),
        };
        let (versions, newest) = (model["versions"].to_string(), format!("v{}", model["latest_version"]));
        [text("name"), versions, newest, serves("dev"), serves("staging"), serves("prod"), text("owner")]
    };
    let heads = ["MODEL", ">VERSIONS", ">NEWEST", ">DEV", ">STAGING", ">PROD", "OWNER"];
    table::print(heads, page.items.iter().map(row));
    Ok(ExitCode::SUCCESS)
}
