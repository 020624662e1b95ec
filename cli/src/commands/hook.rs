//! `mlsys hook`: what the local remote's post-receive hook calls. A push becomes signed, GitHub-shaped deliveries.

use std::{io::Read, path::PathBuf, process::ExitCode};

use anyhow::Context;
use forge::LocalGit;
use serde_json::Value;
use service::Secret;

use crate::{home::Home, outbox::Outbox};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The `MLSYS_HOME` that the repository belongs to
    #[arg(long)]
    home: PathBuf,
    /// The bare repository
    repository: PathBuf,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let home = Home::open(&args.home)?;
    let mut updates = String::new();
    std::io::stdin().read_to_string(&mut updates).context("git's list of updates can't be read")?;
    let project = args.repository.file_stem().and_then(|name| name.to_str()).context("the repository has no name")?;
    let remote = LocalGit { root: home.git() };
    let pusher = std::env::var("USER").unwrap_or_else(|_| "local".to_owned());
    let outbox = Outbox::of(&home);
    let deliveries = remote.payloads(project, &updates, &pusher).await?;
    for delivery in &deliveries {
        outbox.keep(delivery)?;
    }
    // git hands the pusher's environment on: it names the API and the secret where the processes run separately.
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let api = set("MLSYS_URL").or_else(|| home.addresses().map(|addresses| addresses.api));
    let secret = match set("LOCAL_WEBHOOK_SECRET") {
        Some(secret) => Secret::new(secret),
        None => home.local_secret(None)?,
    };
    match api.map(|api| api.trim_end_matches('/').to_owned()) {
        Some(api) => match outbox.send_these(deliveries, &api, &secret).await {
            Ok(answers) => answers.iter().for_each(|answer| say(answer, &api)),
            Err(error) => eprintln!("mlsys: the push is kept, and runs when mlsys is back ({error:#})"),
        },
        None => eprintln!("mlsys: the push is kept, and runs when `mlsys up` is started"),
    }
    Ok(ExitCode::SUCCESS)
}

fn say(answer: &Value, api: &str) {
    if let Some(reason) = answer["reason"].as_str() {
        eprintln!("mlsys: nothing to run: {reason}");
    }
    if answer["declares"] == true {
        eprintln!("mlsys: it changes mlsys.toml: `mlsys schedules diff` tells what of it is not done, and why");
    }
    for pipeline in answer["pipelines"].as_array().into_iter().flatten() {
        let text = |key: &str| pipeline[key].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        eprintln!("mlsys: {} runs as pipeline {id}", text("notebook_path"));
        eprintln!("mlsys:   mlsys logs -f {id}    or    {api}/pipelines/{id}");
    }
}
