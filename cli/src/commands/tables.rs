//! `mlsys tables`: the warehouse's tables, and files that they come from and go to.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use warehouse::{Committed, Disposition, Export, FileError, Format, Import, Snapshot, TableName, Warehouse, type_name};

use crate::{progress::Progress, settings::Settings, table};

/// How many tables are looked at, and how many batches wait to be written, at the same time.
const AT_ONCE: usize = 8;
const WAITING: usize = 4;
/// How long a cell that is shown may be.
const CELL: usize = 40;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List all tables
    List(ListArgs),
    /// Show a table's columns and its first rows
    Show(ShowArgs),
    /// Add a CSV or Parquet file's rows to a table, which is made if there is none
    Import(ImportArgs),
    /// Write a table to a CSV or Parquet file
    Export(ExportArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// The table, as project.dataset.table
    table: TableName,
    /// How many of its rows are shown
    #[arg(long, default_value_t = 5)]
    rows: usize,
    /// As it was after a change: 0 is the first
    #[arg(long, value_name = "VERSION")]
    at: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// The file
    file: PathBuf,
    /// The table, as project.dataset.table
    table: TableName,
    /// What becomes of the rows that the table has: `WRITE_APPEND`, `WRITE_TRUNCATE` or `WRITE_EMPTY`
    #[arg(long, visible_alias = "write_disposition", default_value_t)]
    write_disposition: Disposition,
    /// csv, tsv or parquet; what the file's name says, if it is not given
    #[arg(long)]
    format: Option<Format>,
    /// What stands between the values of a CSV file's line
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<char>,
    /// Columns of a CSV file that are texts, whatever they look like
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    text: Vec<String>,
    /// In `BigQuery`: the column of days or times by which a table that is made is partitioned
    #[arg(long, value_name = "COLUMN")]
    partition_by: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// The table, as project.dataset.table
    table: TableName,
    /// The file
    file: PathBuf,
    /// Only these columns, in this order
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// As it was after a change: 0 is the first
    #[arg(long, value_name = "VERSION")]
    at: Option<u64>,
    /// csv, tsv or parquet; what the file's name says, if it is not given
    #[arg(long)]
    format: Option<Format>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let place = settings.warehouse();
    let warehouse = Warehouse::open(&place.address, place.access()).context("MLSYS_WAREHOUSE")?;
    match command {
        Command::List(args) => list(&args, &warehouse).await?,
        Command::Show(args) => show(&args, &warehouse).await?,
        Command::Import(args) => import(&args, &warehouse).await?,
        Command::Export(args) => export(&args, &warehouse).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &ListArgs, warehouse: &Warehouse) -> anyhow::Result<()> {
    let names = warehouse.tables().await?;
    // One that can't be read is no reason not to show the others.
    let looked = stream::iter(names).map(async |name| (warehouse.snapshot(&name, None).await, name));
    let found: Vec<_> = looked.buffered(AT_ONCE).collect().await;
    if args.json {
        let items = found.iter().map(|(snapshot, name)| match snapshot {
            Ok(snapshot) => described(snapshot),
            Err(error) => json!({ "table": name, "problem": error.to_string() }),
        });
        println!("{:#}", json!({ "items": items.collect::<Vec<_>>() }));
    } else if found.is_empty() {
        println!("no tables in {} yet; `mlsys tables import FILE project.dataset.table` makes one", warehouse.url());
    } else {
        let rows = found.into_iter().map(|(snapshot, name)| match snapshot {
            Ok(snapshot) => [
                name.to_string(),
                snapshot.rows().map_or_else(|| "?".to_owned(), |rows| rows.to_string()),
                snapshot.schema().fields().len().to_string(),
                size(snapshot.bytes()),
                snapshot.version().to_string(),
                time(snapshot.written_at()).unwrap_or_default(),
            ],
            Err(error) => [name.to_string(), String::new(), String::new(), String::new(), String::new(), error.to_string()],
        });
        table::print(["TABLE", ">ROWS", ">COLUMNS", ">SIZE", ">VERSION", "WRITTEN"], rows);
    }
    Ok(())
}

async fn show(args: &ShowArgs, warehouse: &Warehouse) -> anyhow::Result<()> {
    let snapshot = snapshot(warehouse, &args.table, args.at).await?;
    let sample = snapshot.sample(args.rows).await?;
    let fields = snapshot.schema().fields();
    if args.json {
        let mut all = described(&snapshot);
        all["sample"] = json!(sample);
        println!("{all:#}");
        return Ok(());
    }
    let rows = snapshot.rows().map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
    println!("{}: version {}, rows: {rows}, {}", args.table, snapshot.version(), size(snapshot.bytes()));
    if let Some(time) = time(snapshot.written_at()) {
        println!("written {time}");
    }
    println!();
    table::print(["COLUMN", "TYPE"], fields.iter().map(|field| [shown(field.name()), type_name(field.data_type())]));
    if !sample.is_empty() {
        println!();
        let heads: Vec<_> = fields.iter().map(|field| shown(field.name())).collect();
        let heads: Vec<_> = heads.iter().map(String::as_str).collect();
        let cells = |row: Value| fields.iter().map(|field| cell(&row[field.name()])).collect();
        table::print_columns(&heads, sample.into_iter().map(cells).collect());
    }
    Ok(())
}

async fn import(args: &ImportArgs, warehouse: &Warehouse) -> anyhow::Result<()> {
    let (file, disposition) = (&args.file, args.write_disposition);
    let mut format = format_of(file, args.format)?;
    match (&mut format, args.delimiter) {
        (Format::Csv { delimiter }, Some(given)) => {
            let plain = u8::try_from(given).ok().filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte));
            *delimiter =
                plain.ok_or_else(|| anyhow!("--delimiter {given:?}: it must be one plain character, no quotation mark"))?;
        }
        (Format::Parquet, Some(_)) => bail!("--delimiter is for CSV files"),
        (Format::Parquet, None) if !args.text.is_empty() => bail!("--text is for CSV files; a Parquet file says its types"),
        _ => {}
    }
    let known = known_columns(args, warehouse).await?;
    let path = file.clone();
    let opened = tokio::task::spawn_blocking(move || Import::open(&path, format, Some(&known))).await?;
    let import = opened.with_context(|| file.display().to_string())?;
    if let Some(unknown) = args.text.iter().find(|name| import.schema().field_with_name(name).is_err()) {
        bail!("--text {unknown}: {} has no such column", file.display());
    }
    let mut writer = warehouse.writer(&args.table, import.schema(), disposition).await?;
    if let Some(column) = &args.partition_by {
        writer.partition_by(column).with_context(|| format!("--partition-by {column}"))?;
    }
    let filled = tokio::select! {
        filled = fill(&mut writer, import, file) => filled,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted; nothing was changed")),
    };
    if let Err(error) = filled {
        writer.abandon().await;
        return Err(error);
    }
    let rows = writer.rows();
    let Committed::Now(version) = writer.commit(None).await? else { bail!("the table was changed already") };
    if args.json {
        println!("{:#}", json!({ "table": args.table, "rows": rows, "version": version }));
    } else {
        println!("{}: {rows} rows imported, version {version}", args.table);
    }
    Ok(())
}

/// Of which types a CSV file's columns must be: the table's, where they are to stand beside its rows.
async fn known_columns(args: &ImportArgs, warehouse: &Warehouse) -> anyhow::Result<arrow_schema::Schema> {
    let text = |name: &String| arrow_schema::Field::new(name, arrow_schema::DataType::Utf8, true);
    let given: Vec<_> = args.text.iter().map(text).collect();
    if args.write_disposition == Disposition::Truncate {
        return Ok(arrow_schema::Schema::new(given));
    }
    match warehouse.snapshot(&args.table, None).await {
        Ok(snapshot) => {
            let others = snapshot.schema().fields().iter().filter(|field| !args.text.contains(field.name()));
            Ok(arrow_schema::Schema::new(given.into_iter().map(Into::into).chain(others.cloned()).collect::<Vec<_>>()))
        }
        Err(warehouse::Error::NoTable { .. }) => Ok(arrow_schema::Schema::new(given)),
        Err(error) => Err(error.into()),
    }
}

/// Reads a file on a thread of its own, and writes what comes.
async fn fill(writer: &mut warehouse::TableWriter, mut import: Import, file: &Path) -> anyhow::Result<()> {
    let (sender, mut batches) = tokio::sync::mpsc::channel::<Result<_, FileError>>(WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        while let Some(batch) = import.next() {
            // Nobody waits for more where writing failed.
            if sender.blocking_send(batch.map(|batch| (batch, import.percent()))).is_err() {
                break;
            }
        }
    });
    let mut progress = Progress::new();
    while let Some(batch) = batches.recv().await {
        let (batch, percent) = batch.with_context(|| file.display().to_string())?;
        writer.write(&batch).await?;
        progress.show(|| rows_and(writer.rows(), Some(percent)));
    }
    reading.await?;
    progress.end();
    Ok(())
}

async fn export(args: &ExportArgs, warehouse: &Warehouse) -> anyhow::Result<()> {
    let (file, format) = (&args.file, format_of(&args.file, args.format)?);
    if file.exists() && !args.force {
        bail!("{} is there already; --force replaces it", file.display());
    }
    let snapshot = snapshot(warehouse, &args.table, args.at).await?;
    let columns = args.columns.as_deref();
    let schema = snapshot.select(columns)?;
    let named = || file.display().to_string();
    let mut export = Export::create(file, format, &schema).with_context(named)?;
    let mut batches = std::pin::pin!(snapshot.batches(columns, 0..snapshot.files().len())?);
    let (mut rows, mut progress) = (0, Progress::new());
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        export = tokio::task::spawn_blocking(move || export.write(&batch).map(|()| export)).await?.with_context(named)?;
        progress.show(|| rows_and(rows, snapshot.rows().and_then(|all| (rows * 100).checked_div(all))));
    }
    progress.end();
    let (path, force) = (file.clone(), args.force);
    tokio::task::spawn_blocking(move || export.finish(&path, force)).await?.with_context(named)?;
    println!("{}: {rows} rows exported to {}", args.table, file.display());
    Ok(())
}

/// A table; where there is none of that name, which ones there are.
async fn snapshot(warehouse: &Warehouse, table: &TableName, at: Option<u64>) -> anyhow::Result<Snapshot> {
    match warehouse.snapshot(table, at).await {
        Err(error @ warehouse::Error::NoTable { .. }) => {
            let names = warehouse.tables().await?;
            let names: Vec<_> = names.iter().take(20).map(ToString::to_string).collect();
            let there = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
            Err(anyhow!("{error}; there are: {there}"))
        }
        other => Ok(other?),
    }
}

fn format_of(file: &Path, given: Option<Format>) -> anyhow::Result<Format> {
    let unknown =
        || anyhow!("{}: its name doesn't end in .csv, .tsv or .parquet; say which it is with --format", file.display());
    given.or_else(|| Format::of(file)).ok_or_else(unknown)
}

fn described(snapshot: &Snapshot) -> Value {
    let fields = snapshot.schema().fields().iter();
    let columns: Vec<_> =
        fields.map(|field| json!({ "name": field.name(), "type": type_name(field.data_type()) })).collect();
    json!({
        "table": snapshot.name(),
        "version": snapshot.version(),
        "rows": snapshot.rows(),
        "bytes": snapshot.bytes(),
        "written_at": time(snapshot.written_at()),
        "columns": columns,
    })
}

fn time(millis: Option<i64>) -> Option<String> {
    millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()).map(|time| time.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    shown(&text)
}

/// So many rows, and so many percent.
fn rows_and(rows: u64, percent: Option<u64>) -> String {
    percent.map_or_else(|| format!("rows: {rows}"), |percent| format!("rows: {rows}, {percent} %"))
}

/// A text in one short line that does nothing to a terminal.
fn shown(text: &str) -> String {
    let text = text.escape_debug().to_string();
    if text.chars().count() <= CELL {
        return text;
    }
    text.chars().take(CELL - 1).chain(['…']).collect()
}
