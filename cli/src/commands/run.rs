//! `mlsys run`: validate and execute a notebook on this machine, without a server.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, bail};
use contract::{NewLine, Phase, Stream};
use jiff::Timestamp;
use kernel::{AfterCell, EventSink, Kernel, KernelSpec, NotebookFile, RunReport, RunRequest};
use pipeline::{Contract, Verdict};
use serde_json::{Value, json};
use service::Shutdown;
use worker::{metrics, packager};

use crate::{
    commands::{logs::Printer, validate},
    home::Home,
    python,
    settings::Settings,
};

/// How long packaging may take.
const PACKAGE_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(10);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The notebook
    notebook: PathBuf,
    /// Where the executed notebook goes; without it, `NAME.executed.ipynb` in this folder
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// A parameter, as NAME=VALUE; VALUE is JSON, or else text
    #[arg(short, long = "parameter", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// Package the model too: signature, converted and verified
    #[arg(long)]
    package: bool,
    /// Where the packaged model goes; a new folder
    #[arg(long, requires = "package")]
    model_output: Option<PathBuf>,
    /// Print a report as one JSON object instead of the log
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let python = python::prepare(settings).await?;
    let execution = settings.tuning()?;
    let bytes = std::fs::read(&args.notebook).with_context(|| format!("{} can't be read", args.notebook.display()))?;
    let spec = KernelSpec { python, memory_limit: execution.memory_limit, preload: Vec::new() };
    // The kernel starts while the notebook is checked.
    let starting = tokio::spawn({
        let spec = spec.clone();
        async move { Kernel::start(&spec).await }
    });
    let contract = match pipeline::validate(&bytes, &args.notebook.display().to_string()) {
        Verdict::Valid(contract) => Some(contract),
        Verdict::Skipped => None,
        Verdict::Invalid(violations) => {
            if args.json {
                println!(
                    "{:#}",
                    json!({ "status": "failed", "outcome": "the notebook breaks its contract", "violations": violations })
                );
            } else {
                validate::show(&args.notebook.display().to_string(), &Verdict::Invalid(violations));
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    if contract.is_none() && !args.json {
        eprintln!("note: the notebook bears no mlops:* tag; it runs, and a push would skip it");
    }
    let place = Place::of(&args.notebook)?;
    let own = own_environment(settings, &place, contract.as_ref(), &spec).await?;
    // Held to the end: it can't be removed under the kernel.
    let kernel = match &own {
        Some(own) if own.id.is_some() => Kernel::start(&KernelSpec { python: own.python.clone(), ..spec.clone() }).await?,
        _ => starting.await??,
    };
    let scratch = tempfile::tempdir()?;
    let package = args.model_output.clone().unwrap_or_else(|| scratch.path().join("model"));
    let ask = Ask { args: &args, contract: contract.as_ref(), place: &place, scratch: scratch.path(), package: &package };
    let request = ask.request(&bytes, &execution)?;
    let screen = Screen { printer: (!args.json).then(|| Printer::new(false)) };
    let shutdown = Shutdown::on_signals()?;
    let report = kernel::run(kernel, request, &screen, &shutdown.token()).await;
    let output = args.output.clone().unwrap_or_else(|| executed_name(&args.notebook));
    std::fs::write(&output, report.notebook.to_json()).with_context(|| format!("{} can't be written", output.display()))?;
    let logged = logged_metrics(&scratch.path().join("mlruns"));
    let metrics = metrics::collect(logged, &report.scraps, &report.variables);
    let told = Told { report: &report, metrics: &metrics, contract: contract.as_ref(), output: &output, started };
    told.tell(&args, settings)
}

/// Where the notebook lies.
struct Place {
    notebook: PathBuf,
    folder: PathBuf,
    /// The repository's root, or the notebook's folder.
    root: PathBuf,
}

impl Place {
    fn of(notebook: &Path) -> anyhow::Result<Self> {
        let notebook = notebook.canonicalize()?;
        let folder = notebook.parent().context("the notebook lies in no folder")?.to_owned();
        let root = folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&folder).to_owned();
        Ok(Self { notebook, folder, root })
    }
}

/// The environment of the notebook's own dependencies, where it names some.
async fn own_environment(
    settings: &Settings,
    place: &Place,
    contract: Option<&Contract>,
    spec: &KernelSpec,
) -> anyhow::Result<Option<::python::PythonEnvironment>> {
    let Some(contract) = contract else { return Ok(None) };
    let home = Home::open(&settings.home)?;
    let environments =
        ::python::Environments::new(home.join("environments"), python::uv_path(settings, &home), spec.python.clone());
    let inside = place.notebook.strip_prefix(&place.root)?;
    let script = ::python::Script {
        dependencies: contract.dependencies.as_deref(),
        requires_python: contract.requires_python.as_deref(),
    };
    let environment = environments.resolve(&place.root, inside, script, &|text| eprintln!("{text}")).await?;
    Ok(Some(environment))
}

/// What is to be run.
struct Ask<'a> {
    args: &'a Args,
    contract: Option<&'a Contract>,
    place: &'a Place,
    scratch: &'a Path,
    package: &'a Path,
}

impl Ask<'_> {
    fn request(&self, bytes: &[u8], execution: &worker::Tuning) -> anyhow::Result<RunRequest> {
        let model = self.scratch.join("model.pkl");
        // MLflow's file store needs no server; what the notebook logs is read from there.
        let tracking = format!("file://{}", self.scratch.join("mlruns").display());
        let injected = [("MODEL_OUTPUT_PATH", model.to_string_lossy().into_owned()), ("PIPELINE_ID", "local".to_owned())];
        let mut injected: BTreeMap<_, _> =
            injected.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        injected.insert("MLFLOW_TRACKING_URI".to_owned(), Value::from(tracking.clone()));
        let environment =
            [("MLFLOW_TRACKING_URI", tracking.as_str()), ("MLFLOW_ALLOW_FILE_STORE", "true"), ("PIPELINE_ID", "local")];
        let declared = self.contract.and_then(|contract| contract.timeout_seconds);
        Ok(RunRequest {
            notebook: NotebookFile::parse(bytes)?,
            directory: self.place.folder.clone(),
            import_root: self.place.root.clone(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            injected,
            parameters: self.args.parameters.iter().cloned().collect(),
            cell_timeout: execution.cell_timeout,
            run_timeout: declared.map_or(execution.run_timeout, std::time::Duration::from_secs),
            input_path: self.args.notebook.display().to_string(),
            output_path: self
                .args
                .output
                .clone()
                .unwrap_or_else(|| executed_name(&self.args.notebook))
                .display()
                .to_string(),
            spill_directory: self.spill_directory(),
            after_cell: self.after_cell(&model)?,
            read_after: self.contract.map(|contract| ("mlops:evaluation".to_owned(), contract.evaluation_names.clone())),
        })
    }

    /// Cut outputs lie beside the executed notebook.
    fn spill_directory(&self) -> PathBuf {
        self.args.output.clone().unwrap_or_else(|| executed_name(&self.args.notebook)).with_extension("outputs")
    }

    fn after_cell(&self, model: &Path) -> anyhow::Result<Option<AfterCell>> {
        if !self.args.package {
            return Ok(None);
        }
        let Some(contract) = self.contract else { bail!("a notebook without mlops:* tags has no model to package") };
        let request = packager::Request {
            model_path: model,
            output_directory: self.package,
            contract,
            run_id: None,
            tree: &self.place.root,
            environment: None,
        };
        let code = packager::code(&request);
        Ok(Some(AfterCell { index_tag: "mlops:export".to_owned(), code, timeout: PACKAGE_TIMEOUT }))
    }
}

/// What is told of a run.
struct Told<'a> {
    report: &'a RunReport,
    metrics: &'a BTreeMap<String, f64>,
    contract: Option<&'a Contract>,
    output: &'a Path,
    started: Instant,
}

impl Told<'_> {
    fn tell(&self, args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
        let report = self.report;
        let succeeded = report.outcome.is_success();
        let packaged: Option<packager::Answer> = match &report.after_cell {
            Some(Ok(answer)) => Some(serde_json::from_value(answer.clone()).context("the packager's answer")?),
            Some(Err(error)) => Some(packager::Answer::Error { error: error.clone() }),
            None => None,
        };
        let minimum: f64 =
            settings.get("MIN_ACCURACY_THRESHOLD").unwrap_or("0.70").parse().context("MIN_ACCURACY_THRESHOLD")?;
        let gates = self.contract.map(|contract| pipeline::decide(contract.gates.as_deref(), minimum, self.metrics, None));
        if args.json {
            let metrics: BTreeMap<_, _> =
                self.metrics.iter().map(|(name, value)| (name, metrics::to_json(*value))).collect();
            let report = json!({
                "status": if succeeded { "succeeded" } else { "failed" },
                "outcome": report.outcome.to_string(),
                "cells_run": report.cells_run,
                "seconds": self.started.elapsed().as_secs_f64(),
                "seconds_in_cells": report.time_in_cells.as_secs_f64(),
                "peak_memory_bytes": report.peak_memory,
                "metrics": metrics,
                "gates": gates.as_ref().map(|decision| json!({"passed": decision.passed, "reason": decision.reason})),
                "package": packaged.as_ref().map(package_report),
                "notebook": self.output,
            });
            println!("{report:#}");
        } else {
            self.show(gates.as_ref(), packaged.as_ref(), args);
        }
        let model_made = !matches!(packaged, Some(packager::Answer::Error { .. }));
        Ok(if succeeded && model_made { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn show(&self, gates: Option<&pipeline::Decision>, packaged: Option<&packager::Answer>, args: &Args) {
        println!("{}", self.report.outcome);
        let cells = self.report.time_in_cells.as_secs_f64();
        println!("  {} cells in {cells:.2} s, {:.2} s in all", self.report.cells_run, self.started.elapsed().as_secs_f64());
        for (name, value) in self.metrics {
            println!("  {name:24} {}", metrics::display(*value));
        }
        if let Some(decision) = gates {
            println!("  gates: {}", decision.reason);
        }
        match packaged {
            Some(packager::Answer::Packaged { log, .. }) => {
                for line in log {
                    println!("  {line}");
                }
                if let Some(folder) = &args.model_output {
                    println!("  the model is in {}", folder.display());
                }
            }
            Some(packager::Answer::Error { error }) => println!("  the model could not be packaged: {error}"),
            None => {}
        }
        println!("  executed notebook: {}", self.output.display());
    }
}

/// Prints what the kernel reports as it comes.
struct Screen {
    printer: Option<Printer>,
}

impl EventSink for Screen {
    fn line(&self, cell: Option<usize>, stream: Stream, text: String, data: Option<Value>) {
        if let Some(printer) = &self.printer {
            let line = NewLine { at: Timestamp::now(), phase: Phase::Execute, cell, stream, text, data };
            printer.show(&line.numbered(0));
        }
    }

    fn notebook(&self, _: &NotebookFile) {}
}

/// The metrics in MLflow's file store, the last value of each: files of lines `timestamp value step` at
/// `EXPERIMENT/RUN/metrics/NAME`, where a name may have slashes.
fn logged_metrics(store: &Path) -> BTreeMap<String, f64> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let mut metrics = BTreeMap::new();
    let runs = folders(store).into_iter().flat_map(|experiment| folders(&experiment));
    for root in runs.map(|run| run.join("metrics")) {
        let mut open = vec![root.clone()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(folders(&path));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let value = text.lines().last().and_then(|line| line.split(' ').nth(1)).and_then(|value| value.parse().ok());
            if let (Some(value), Ok(name)) = (value, path.strip_prefix(&root)) {
                metrics.insert(name.to_string_lossy().into_owned(), value);
            }
        }
    }
    metrics
}

fn package_report(answer: &packager::Answer) -> Value {
    match answer {
        packager::Answer::Packaged { manifest, log } => json!({ "manifest": manifest, "log": log }),
        packager::Answer::Error { error } => json!({ "error": error }),
    }
}

fn executed_name(notebook: &Path) -> PathBuf {
    let stem = notebook.file_stem().unwrap_or("notebook".as_ref()).to_string_lossy();
    PathBuf::from(format!("{stem}.executed.ipynb"))
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is NAME=VALUE")?;
    let identifier = |c: char| c.is_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(identifier) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the name must be a Python identifier".to_owned());
    }
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
}
