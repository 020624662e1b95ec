//! `mlsys retention`: what is older than the settings keep, and its removal now instead of at the next full hour.

use std::process::ExitCode;

use serde_json::json;
use store::Store;
use worker::tasks::retention::{Removed, sweep};

use crate::settings::Settings;

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
    store.close().await;
    let removed = removed?;
    if args.json {
        println!("{:#}", json!({ "applied": args.apply, "removed": removed }));
    } else {
        show(&removed, args.apply);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(removed: &Removed, applied: bool) {
    println!("{}", if applied { "removed:" } else { "would be removed (--apply does it):" });
    println!("  {:>9} versions that nothing deploys", removed.versions);
    println!("  {:>9} pipelines", removed.pipelines);
    println!("  {:>9} logs and notebooks, {:.1} MB", removed.logs, removed.log_megabytes());
    println!("  {:>9} webhook deliveries", removed.deliveries);
    println!("  {:>9} ended tasks", removed.tasks);
    if applied && removed.versions + removed.pipelines > 0 {
        println!("Files of theirs are removed by a worker, soon or when mlsys is up.");
    } else if removed.versions > 0 {
        println!("Pipelines that only these versions keep are not counted: they go with the versions.");
    }
}
