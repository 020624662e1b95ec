//! `mlsys registry`: which versions lie in an environment's bucket.

use std::process::ExitCode;

use contract::Environment;
use serde_json::{Value, json};

use crate::{client::Client, settings::Settings, table};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Look through an environment's bucket, and have the table of its registry say what lies there
    Scan(ScanArgs),
}

#[derive(clap::Args)]
pub(crate) struct ScanArgs {
    /// The environment: dev, staging or prod
    #[arg(long, default_value = "dev")]
    env: Environment,
    /// Only tell what would change
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(Command::Scan(args): Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let body = json!({ "environment": args.env, "dry_run": args.dry_run });
    let scan: Value = Client::new(settings)?.post("/model-registry", body.to_string()).await?;
    if args.json {
        println!("{scan:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let list = |name: &str| scan[name].as_array().cloned().unwrap_or_default();
    let versions = list("versions");
    if versions.is_empty() {
        println!("no versions in {}: they would lie at {{model}}/v{{N}}/model.pkl in its bucket", args.env.as_str());
    } else {
        let rows = versions.iter().map(|version| {
            let uploader = version["uploader"].as_str().unwrap_or("-").to_owned();
            [
                text(&version["name"]),
                text(&version["version"]),
                text(&version["size"]),
                uploader,
                text(&version["uploaded_at"]),
            ]
        });
        table::print(["MODEL", ">VERSION", ">BYTES", "UPLOADER", "UPLOADED"], rows);
    }
    for (name, word) in [("added", "new"), ("changed", "changed"), ("removed", "gone")] {
        for version in list(name) {
            println!("{word}: {}", text(&version));
        }
    }
    for problem in list("problems") {
        eprintln!("{}", text(&problem));
    }
    let written = if scan["written"] == true {
        format!("{} was written", text(&scan["table"]))
    } else if args.dry_run {
        "nothing was written".to_owned()
    } else {
        format!("{} says so already", text(&scan["table"]))
    };
    println!("{written}");
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
