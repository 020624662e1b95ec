//! `mlsys names`: what things are called in an environment.

use std::process::ExitCode;

use anyhow::anyhow;
use contract::{Environment, ModelName, Names};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where: dev, staging or prod
    #[arg(long)]
    env: Environment,
    /// A model, whose schedule is named too
    #[arg(long)]
    model: Option<ModelName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut names = Names::of(&args.env);
    if let Some(model) = &args.model {
        names.schedule = names.schedule_of(model);
    }
    let all = json!(names);
    if args.json {
        println!("{all:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let all = all.as_object().ok_or_else(|| anyhow!("names are an object"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    crate::table::print(["THING", "NAME"], all.iter().map(|(thing, name)| [thing.replace('_', " "), text(name)]));
    Ok(ExitCode::SUCCESS)
}
