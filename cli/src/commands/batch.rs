//! `mlsys batch`: tables through models into tables.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;
use contract::{BatchId, Environment, ModelName};
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::{Disposition, TableName};

use crate::{
    client::{Client, Page},
    progress::Progress,
    settings::Settings,
    table,
};

/// How often it is looked how far a job is: short ones soon, long ones less often.
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// How long an API that does not answer is asked again.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Send a table's rows through a model into a table, and wait until they are there
    Start(Box<StartArgs>),
    /// List batch predictions, newest first
    List(ListArgs),
    /// Show a batch prediction
    Show(OneArgs),
    /// Wait for a batch prediction's end
    Wait(OneArgs),
    /// End a batch prediction; nothing of it will be in the output
    Cancel(OneArgs),
    /// Go on with a batch prediction that failed or was cancelled; what is done is kept
    Resume(OneArgs),
}

/// Which table goes through which model, and where to.
#[derive(clap::Args)]
pub(crate) struct WhatArgs {
    /// The model
    #[arg(long, visible_alias = "model_name")]
    model: ModelName,
    /// Whose deployment is meant: dev, staging or prod
    #[arg(long, default_value = "dev")]
    env: Environment,
    /// Another version than the deployed one: v1 or 1
    #[arg(long, visible_alias = "model_version", value_parser = version)]
    version: Option<u64>,
    /// The table whose rows are scored, as project.dataset.table
    #[arg(long, visible_alias = "input_table")]
    input: TableName,
    /// The table that they go to, with the predictions
    #[arg(long, visible_alias = "output_table")]
    output: TableName,
    /// What becomes of the rows that the output has: `WRITE_APPEND`, `WRITE_TRUNCATE` or `WRITE_EMPTY`
    #[arg(long, visible_alias = "write_disposition", default_value_t)]
    write_disposition: Disposition,
    /// Only these columns of the input go through to the output
    #[arg(long, visible_alias = "id_columns", value_name = "COLUMN", value_delimiter = ',')]
    id_columns: Option<Vec<String>>,
    /// What the column of predictions is called
    #[arg(long, value_name = "NAME")]
    prediction_column: Option<String>,
    /// End at the first row that can't be scored; else such rows go to the table `OUTPUT_rejects`
    #[arg(long)]
    stop_on_reject: bool,
}

#[derive(clap::Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Names the job: started again under the same name, it is the same
    #[arg(long)]
    job: Option<String>,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Don't wait
    #[arg(long)]
    detach: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Of this model
    #[arg(long)]
    model: Option<ModelName>,
    /// queued, running, writing, succeeded, failed or cancelled
    #[arg(long)]
    status: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct OneArgs {
    /// Its id
    id: BatchId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl WhatArgs {
    /// As the API is asked.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "model_name": self.model,
            "environment": self.env,
            "version": self.version,
            "input_table": self.input,
            "output_table": self.output,
            "write_disposition": self.write_disposition,
            "id_columns": self.id_columns,
            "on_reject": if self.stop_on_reject { "stop" } else { "table" },
        });
        if let Some(name) = &self.prediction_column {
            body["names"] = json!({ "prediction": name });
        }
        body
    }
}

/// A version as people write it.
pub(super) fn version(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix(['v', 'V']).unwrap_or(text);
    number.parse().map_err(|_| "a version is a number, as in v1 or 1".to_owned())
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::Start(args) => return start(&client, &args).await,
        Command::List(args) => list(&client, &args).await?,
        Command::Show(OneArgs { id, json }) => show(&one(&client, id).await?, json),
        Command::Wait(OneArgs { id, json }) => return wait(&client, one(&client, id).await?, json).await,
        Command::Cancel(OneArgs { id, json }) => {
            show(&client.post(&format!("/api/batch-predictions/{id}/cancel"), String::new()).await?, json);
        }
        Command::Resume(OneArgs { id, json }) => {
            let resumed = client.post(&format!("/api/batch-predictions/{id}/resume"), String::new()).await?;
            return wait(&client, resumed, json).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn one(client: &Client, id: BatchId) -> anyhow::Result<Value> {
    client.get(&format!("/api/batch-predictions/{id}"), &[]).await
}

async fn start(client: &Client, args: &StartArgs) -> anyhow::Result<ExitCode> {
    let WhatArgs { model, input, output, .. } = &args.what;
    let mut body = args.what.body();
    body["job"] = json!(args.job);
    body["dry_run"] = args.dry_run.into();
    let made: Value = client.post("/api/batch-predictions", body.to_string()).await?;
    if args.dry_run {
        if args.json {
            println!("{made:#}");
        } else {
            let columns = made["output_columns"].as_array().into_iter().flatten();
            let columns: Vec<_> =
                columns.map(|column| format!("{} {}", text(&column["name"]), text(&column["type"]))).collect();
            println!(
                "{} rows of {} (version {}), {} bytes, in {} parts through version {} of {}",
                made["rows"], input, made["input_version"], made["bytes"], made["shards"], made["version"], model
            );
            println!("{} would have the columns {}", output, columns.join(", "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.detach {
        show(&made, args.json);
        return Ok(ExitCode::SUCCESS);
    }
    wait(client, made, args.json).await
}

/// Waits for a job's end, and says how far it is. Who does not want to wait longer leaves it going on.
pub(super) async fn wait(client: &Client, mut batch: Value, json: bool) -> anyhow::Result<ExitCode> {
    let id: BatchId = text(&batch["id"]).parse()?;
    eprintln!("batch prediction {id}");
    let goes_on = format!("it goes on: `mlsys batch wait {id}` waits again, `mlsys batch cancel {id}` ends it");
    let (began, over) = (Instant::now(), ["succeeded", "failed", "cancelled"]);
    let (mut line, before) = (Progress::new(), rows_done(&batch));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut silent = None;
    while !over.contains(&&*text(&batch["status"])) {
        line.show(|| progress(&batch, before, began.elapsed()));
        let look = async {
            tokio::time::sleep((began.elapsed() / 20).clamp(LOOK.0, LOOK.1)).await;
            one(client, id).await
        };
        tokio::select! {
            found = look => match found {
                Ok(found) => (batch, silent) = (found, None),
                // The API may be starting again.
                Err(_) if silent.get_or_insert_with(Instant::now).elapsed() < PATIENCE => {}
                Err(error) => {
                    line.end();
                    return Err(error.context(goes_on));
                }
            },
            _ = &mut interrupted => {
                line.end();
                bail!("not waiting any longer; {goes_on}");
            }
        }
    }
    line.end();
    if batch["status"] == "succeeded" {
        show(&batch, json);
        return Ok(ExitCode::SUCCESS);
    }
    if json {
        println!("{batch:#}");
    }
    let reason = batch["error"].as_str().unwrap_or("it was cancelled");
    bail!("{reason}\n`mlsys batch resume {id}` goes on with it: what is done is kept")
}

fn rows_done(batch: &Value) -> u64 {
    batch["rows_done"].as_u64().unwrap_or(0)
}

/// How far a job is, in words, and how fast since there were so many rows done.
fn progress(batch: &Value, before: u64, time: Duration) -> String {
    let done = rows_done(batch);
    let percent = batch["rows"].as_u64().and_then(|all| (done * 100).checked_div(all));
    let percent = percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let rate = u128::from(done.saturating_sub(before)) * 1_000 / time.as_millis().max(1);
    format!("{}: {done} rows{percent}, {rate} a second", text(&batch["status"]))
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.model.as_ref().map(|model| ("model", model.to_string())));
    query.extend(args.status.clone().map(|status| ("status", status)));
    let page: Page<Value> = client.get("/api/batch-predictions", &query).await?;
    if args.json {
        println!("{:#}", json!({ "items": page.items }));
        return Ok(());
    }
    if page.items.is_empty() {
        println!("no batch predictions yet; `mlsys batch start --help` tells how to make one");
        return Ok(());
    }
    let rows = page.items.iter().map(|batch| {
        let model = format!("{} {}", text(&batch["model_name"]), batch["version"]);
        [
            text(&batch["id"]),
            text(&batch["status"]),
            model,
            text(&batch["input_table"]),
            text(&batch["output_table"]),
            batch["rows_done"].to_string(),
            batch["rows_rejected"].to_string(),
            text(&batch["created_at"]),
        ]
    });
    table::print(["ID", "STATUS", "MODEL", "INPUT", "OUTPUT", ">ROWS", ">REJECTED", "MADE"], rows);
    Ok(())
}

fn show(batch: &Value, json: bool) {
    if json {
        println!("{batch:#}");
        return;
    }
    println!("{}: {}", text(&batch["id"]), text(&batch["status"]));
    println!(
        "{} version {} ({}): {} (version {}) into {}{}",
        text(&batch["model_name"]),
        batch["version"],
        text(&batch["environment"]),
        text(&batch["input_table"]),
        batch["input_version"],
        text(&batch["output_table"]),
        batch["output_version"].as_u64().map(|version| format!(" (version {version})")).unwrap_or_default(),
    );
    let rejected = batch["rows_rejected"].as_u64().unwrap_or(0);
    let done = batch["rows_done"].as_u64().unwrap_or(0);
    println!("{done} rows of {}, {} of {} parts done", text(&batch["rows"]), batch["shards_done"], batch["shards"]);
    if let (1.., Some(table)) = (rejected, batch["reject_table"].as_str()) {
        println!("{rejected} rows could not be scored: {table} has them and the reasons");
    }
    if let Some(error) = batch["error"].as_str() {
        println!("failed: {error}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
