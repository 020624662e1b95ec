//! `mlsys demo`: a real push of the Titanic example, followed to its prediction.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use contract::{PipelineRecord, PipelineStatus};
use serde_json::Value;

use crate::{
    client::{Client, Page},
    commands::{
        logs::Printer,
        push::{ensure_project, git, push},
        up,
    },
    home::Home,
    settings::{Ports, Settings},
    stack::Stack,
};

const NOTEBOOK: &str = include_str!("../../../notebooks/titanic-survival-example.ipynb");
const DATA: &str = include_str!("../../../notebooks/titanic.csv");
/// The example's declared version, which every demo raises: a push that changes no notebook runs nothing.
const DECLARED: &str = "1.0.0";
const PROJECT: &str = "titanic-survival";
/// A passenger, as an application would ask about her.
const PASSENGER: &str =
    r#"[{"Pclass": 1, "Sex": "female", "Age": 29, "SibSp": 0, "Parch": 0, "Fare": 80.0, "Embarked": "S"}]"#;
/// How long the push may take to become a pipeline.
const ACCEPTED: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ports: Ports,
    /// Stop after the prediction
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(args: Args, settings: Settings) -> anyhow::Result<ExitCode> {
    let _telemetry = settings.telemetry("warn");
    let mut stack = Stack::start(&settings, args.ports, |text| eprintln!("{text}")).await?;
    let story = tokio::select! {
        story = tell(&stack, &settings) => story,
        () = stack.shutdown.requested() => Err(anyhow::anyhow!("stopped")),
    };
    let told = story.is_ok();
    if told && !args.once {
        println!();
        up::show(&stack, &settings);
        let ended = stack.wait().await;
        stack.stop().await;
        return ended.map(|()| ExitCode::SUCCESS);
    }
    stack.stop().await;
    story.map(|()| ExitCode::SUCCESS)
}

async fn tell(stack: &Stack, settings: &Settings) -> anyhow::Result<()> {
    let started = Instant::now();
    let home = Home::open(&settings.home)?;
    let client = Client::at(&stack.addresses.api, home.token());
    println!("→ git push mlsys main");
    let commit = push_example(&home).await?;
    let pipeline = accepted(&client, &commit).await?;
    // Signs a browser in, and leads there.
    let page = format!("/sign-in?next=/pipelines/{}#", pipeline.id);
    println!("→ watch it at {}", stack.sign_in.replacen("/sign-in#", &page, 1));
    let printer = Printer::new(false);
    let end = client.follow(pipeline.id, 0, |line| printer.show(line)).await?;
    let pipeline = client.pipeline(pipeline.id).await?;
    let reason = pipeline.reason.as_deref().unwrap_or_default();
    ensure!(end == PipelineStatus::Succeeded && pipeline.deployed, "the pipeline {end}: {reason}");
    let model = pipeline.model_name.clone().context("the pipeline names no model")?;
    let version = pipeline.registry_version.context("the pipeline names no version")?;
    println!("→ {model} version {version} is deployed, {:.1} s after the push", started.elapsed().as_secs_f64());
    for (name, value) in &pipeline.metrics {
        println!("    {name:24} {}", value.map_or("–".to_owned(), worker::metrics::display));
    }
    let path = format!("/models/{model}/predict");
    println!("→ a prediction");
    println!("    curl {}{path} -H 'content-type: application/json' -d '{PASSENGER}'", client.base());
    let answer: Value = client.post(&path, PASSENGER.to_owned()).await?;
    println!("    {answer}");
    println!("    MLflow: {}/#/models/{model}/versions/{version}", stack.addresses.mlflow);
    Ok(())
}

/// Commits the example, one version further than the last time, and pushes it for real.
async fn push_example(home: &Home) -> anyhow::Result<String> {
    let folder = home.join("demo").join(PROJECT);
    let remote = ensure_project(home, PROJECT).await?;
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    if !folder.join(".git").exists() {
        git(&folder, &["init", "--quiet", "--initial-branch=main"]).await?;
        git(&folder, &["remote", "add", "mlsys", remote.to_str().context("MLSYS_HOME must have a name in UTF-8")?]).await?;
    }
    let runs: u32 = git(&folder, &["rev-list", "--count", "--all"]).await?.parse()?;
    write_example(&folder, runs)?;
    git(&folder, &["add", "--all"]).await?;
    let who = ["-c", "user.name=mlsys demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"];
    let message = format!("Train the Titanic model, version 1.0.{runs}");
    git(&folder, &[&who[..], &["commit", "--quiet", "-m", &message]].concat()).await?;
    let pushed = push(&folder, "main", false).await?;
    ensure!(pushed == ExitCode::SUCCESS, "git push failed");
    git(&folder, &["rev-parse", "HEAD"]).await
}

fn write_example(folder: &Path, runs: u32) -> anyhow::Result<()> {
    let files: [(PathBuf, String); 2] = [
        (folder.join("titanic-survival-example.ipynb"), NOTEBOOK.replace(DECLARED, &format!("1.0.{runs}"))),
        (folder.join("titanic.csv"), DATA.to_owned()),
    ];
    for (file, content) in files {
        std::fs::write(&file, content).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// The pipeline that the push became.
async fn accepted(client: &Client, commit: &str) -> anyhow::Result<PipelineRecord> {
    let deadline = Instant::now() + ACCEPTED;
    while Instant::now() < deadline {
        let query = [("repo", format!("local/{PROJECT}")), ("limit", "5".to_owned())];
        let page: Page<PipelineRecord> = client.get("/api/pipelines", &query).await?;
        if let Some(found) = page.items.into_iter().find(|pipeline| pipeline.commit_sha.as_str() == commit) {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the push started no pipeline; git's messages are above")
}
