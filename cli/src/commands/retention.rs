//! `mlsys retention`: what is older than the settings keep, and its removal now instead of at the next full hour.

use std::process::ExitCode;

use serde_json::json;
use store::Store;
use worker::tasks::retention::{
    Removed,
    environments::{self, RemovedEnvironments},
    sweep,
};

use crate::{home::Home, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Remove it; without this, it is only counted
    #[arg(long)]
    apply: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let retention = settings.tuning()?.retention;
    let store = Store::open(&settings.database_url()?).await?;
    let removed = sweep(&store, &retention, args.apply, |_| {}).await;
    let (platform, home) = (settings.platform()?, Home::open(&settings.home)?);
    let kept = python::Environments::new(home.join("environments"), platform.uv(), home.join("python/bin/python"));
    let environments = environments::sweep(&store, &kept, &retention, args.apply).await;
    store.close().await;
    let (removed, environments) = (removed?, environments?);
    if args.json {
        let report = json!({ "applied": args.apply, "removed": removed, "python_environments": environments });
        println!("{report:#}");
    } else {
        show(&removed, environments, args.apply);
        if retention.mlflow_runs {
            println!("Their runs and registered versions are removed from MLflow, too.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(removed: &Removed, environments: RemovedEnvironments, applied: bool) {
    println!("{}", if applied { "removed:" } else { "would be removed (--apply does it):" });
    println!("  {:>9} versions that nothing deploys", removed.versions);
    println!("  {:>9} pipelines", removed.pipelines);
    println!("  {:>9} logs and notebooks, {:.1} MB", removed.logs, removed.log_megabytes());
    println!("  {:>9} webhook deliveries", removed.deliveries);
    println!("  {:>9} ended tasks", removed.tasks);
    println!("  {:>9} entries of the audit log", removed.audit);
    let megabytes = environments.bytes / 1_000_000;
    println!("  {:>9} Python environments in this MLSYS_HOME, {megabytes} MB", environments.count);
    if applied && removed.versions + removed.pipelines > 0 {
        println!("A worker removes their files, soon or once mlsys is up.");
    } else if removed.versions > 0 {
        println!("Pipelines that only these versions keep are not counted: they go with the versions.");
    }
}
