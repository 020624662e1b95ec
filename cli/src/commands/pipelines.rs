//! `mlsys pipelines`: the list, newest first.

use std::process::ExitCode;

use contract::{PipelineRecord, PipelineStatus};
use jiff::Timestamp;

use crate::{
    client::{Client, Page},
    settings::Settings,
    table,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this repository's (owner/name)
    #[arg(long)]
    repo: Option<String>,
    /// Only those with this status
    #[arg(long)]
    status: Option<String>,
    /// Only this model's
    #[arg(long)]
    model: Option<String>,
    /// Only this branch's
    #[arg(long)]
    branch: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    let filters = [("repo", args.repo), ("status", args.status), ("model", args.model), ("branch", args.branch)];
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
    if args.json {
        let page: serde_json::Value = client.get("/api/pipelines", &query).await?;
        println!("{page:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let page: Page<PipelineRecord> = client.get("/api/pipelines", &query).await?;
    if page.items.is_empty() {
        println!("No pipelines yet. `mlsys push` in a repository with a tagged notebook starts one.");
        return Ok(ExitCode::SUCCESS);
    }
    table::print(["ID", "STATUS", "DEPLOYED", "NOTEBOOK", "MODEL", "COMMIT", "AGE"], page.items.iter().map(row));
    Ok(ExitCode::SUCCESS)
}

fn row(pipeline: &PipelineRecord) -> [String; 7] {
    let model = pipeline.model_name.as_ref().map_or(String::new(), |name| match pipeline.registry_version {
        Some(version) => format!("{name} v{version}"),
        None => name.to_string(),
    });
    let deployed = match (pipeline.status, pipeline.deployed) {
        (PipelineStatus::Succeeded, true) => "yes",
        (PipelineStatus::Succeeded, false) => "no",
        _ => "",
    };
    [
        pipeline.id.to_string(),
        pipeline.status.to_string(),
        deployed.to_owned(),
        format!("{}:{}", pipeline.repo.name(), pipeline.notebook_path),
        model,
        pipeline.commit_sha.short().to_string(),
        age(pipeline.created_at),
    ]
}

fn age(at: Timestamp) -> String {
    let seconds = Timestamp::now().as_second().saturating_sub(at.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
