//! `mlsys schedules create`.

use contract::{Environment, RepoName};
use serde_json::{Value, json};

use crate::commands::batch::WhatArgs;

#[derive(clap::Subcommand)]
pub(crate) enum Create {
    /// A table goes through a model into a table
    Batch(Box<BatchArgs>),
    /// A notebook runs, as it is then at the head of its branch
    Retraining(RetrainingArgs),
    /// What the `RETENTION_*` settings no longer keep is removed
    Retention(When),
    /// An environment's bucket is looked through for versions: see `mlsys registry scan --help`
    RegistryScan(ScanArgs),
}

#[derive(clap::Args)]
pub(crate) struct When {
    /// When it fires: minute hour day month weekday, as in "30 2 * * *"; also @hourly, @daily, @weekly, @monthly
    #[arg(long)]
    cron: String,
    /// In which time zone, as in Europe/Berlin
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// A firing comes while the one before still runs: it is left out (skip), waits (queue), or ends the other (replace)
    #[arg(long, default_value = "skip", value_parser = ["skip", "queue", "replace"])]
    overlap: String,
    /// No worker was there at its time: it is left out (skip), one stands for all that were missed (once), or each is made up for (all)
    #[arg(long, default_value = "once", value_parser = ["skip", "once", "all"])]
    misfire: String,
    /// Its name; by default it says what it does, as in titanic-predictions-dev
    #[arg(long)]
    name: Option<String>,
    /// It does not fire until it is resumed
    #[arg(long)]
    paused: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    when: When,
}

#[derive(clap::Args)]
pub(crate) struct RetrainingArgs {
    /// A registered repository, as owner/name
    #[arg(long)]
    repo: RepoName,
    /// The notebook's path in it
    #[arg(long)]
    notebook: String,
    /// The branch whose head is run
    #[arg(long, default_value = "main")]
    branch: String,
    /// A parameter of the notebook, its value as JSON or text; may be given again
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    #[command(flatten)]
    when: When,
}

#[derive(clap::Args)]
pub(crate) struct ScanArgs {
    /// The environment: dev, staging or prod
    #[arg(long, default_value = "dev")]
    env: Environment,
    #[command(flatten)]
    when: When,
}

/// A notebook's parameter: what is no JSON is a text.
fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
}

/// What is to happen, and when: as the API is asked.
pub(super) fn body(create: Create) -> (Value, bool) {
    let (work, when) = match create {
        Create::Batch(args) => {
            let mut work = args.what.body();
            work["kind"] = "batch_prediction".into();
            (work, args.when)
        }
        Create::Retraining(args) => {
            let parameters: serde_json::Map<_, _> = args.parameters.into_iter().collect();
            let work = json!({
                "kind": "retraining",
                "repo": args.repo,
                "branch": args.branch,
                "notebook_path": args.notebook,
                "parameters": parameters,
            });
            (work, args.when)
        }
        Create::RegistryScan(args) => (json!({ "kind": "registry_scan", "environment": args.env }), args.when),
        Create::Retention(when) => (json!({ "kind": "retention" }), when),
    };
    let body = json!({
        "name": when.name,
        "work": work,
        "cron": when.cron,
        "time_zone": when.time_zone,
        "overlap": when.overlap,
        "misfire": when.misfire,
        "paused": when.paused,
    });
    (body, when.json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_json_or_else_a_text() {
        assert_eq!(parameter("depth=3"), Ok(("depth".to_owned(), json!(3))));
        assert_eq!(parameter("name=a=b"), Ok(("name".to_owned(), json!("a=b"))));
        assert_eq!(parameter("columns=[\"a\"]"), Ok(("columns".to_owned(), json!(["a"]))));
        assert!(parameter("depth").is_err());
    }
}
