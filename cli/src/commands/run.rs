//! `mlsys run`: validate and execute a notebook on this machine, without a server.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, anyhow, bail};
use contract::{NewLine, Phase, RunSecrets, SecretName, Stream, check_secret};
use jiff::Timestamp;
use kernel::{EventSink, KernelSpec, NotebookFile, Outcome, Pool};
use pipeline::{Contract, Verdict};
use python::Environments;
use serde_json::{Value, json};
use service::Shutdown;
use worker::{
    data::{self, Folders},
    execution::{Executed, Execution, Means},
    metrics, packager,
};

use crate::{
    commands::{
        logs::Printer,
        validate::{self, Place},
    },
    settings::Settings,
};

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
    /// Package the model too: signature, conversion to ONNX and its verification
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
    let (platform, tuning) = (settings.platform()?, settings.tuning()?);
    let python = platform.prepare(&|text| eprintln!("{text}")).await?;
    let bytes = std::fs::read(&args.notebook).with_context(|| format!("{} can't be read", args.notebook.display()))?;
    let shutdown = Shutdown::on_signals()?;
    // One's own notebook, as Jupyter would run it.
    let spec = KernelSpec { python: python.clone(), memory_limit: tuning.memory_limit, preload: Vec::new(), confined: None };
    let kernels = Pool::start(spec, 0, shutdown.token());
    let Some(contract) = contract(&args, &bytes)? else { return Ok(ExitCode::FAILURE) };
    let place = Place::of(&args.notebook)?;
    let scratch = tempfile::tempdir()?;
    let tracking = scratch.path().join("mlruns");
    let output = args.output.clone().unwrap_or_else(|| executed_name(&args.notebook));
    // The kernel works in the notebook's folder, whatever ours is.
    let package = args.model_output.as_ref().map_or(Ok(scratch.path().join("model")), std::path::absolute)?;
    if args.package && contract.is_none() {
        bail!("a notebook without mlops:* tags has no model to package");
    }
    let execution = Execution {
        repository: &place.root.to_string_lossy(),
        tree: &place.root,
        notebook: Path::new(&place.path),
        contract: contract.as_ref(),
        parameters: args.parameters.iter().cloned().collect(),
        id: "local",
        // MLflow's file store needs no server; what the notebook logs is read from there.
        tracking: &format!("file://{}", tracking.display()),
        variables: vec![("MLFLOW_ALLOW_FILE_STORE", "true".to_owned())],
        secrets: own_secrets(contract.as_ref())?,
        folders: Folders::default(),
        reads: &scratch.path().join("reads"),
        run_id: None,
        model: &scratch.path().join("model.pkl"),
        package: args.package.then_some(package.as_path()),
        outputs: &output.with_extension("outputs"),
    };
    // One's own notebook: what it names is one's own as well.
    let environments = Environments::new(settings.home.join("environments"), platform.uv(), python);
    let environments = environments.with_sources(true).with_memory_limit(tuning.build_memory_limit);
    let library = scratch.path().join("library");
    data::lay_out_package(&library)?;
    let data = settings.data_places();
    let means = Means { kernels: &kernels, environments: &environments, library: &library, data: &data, tuning: &tuning };
    let screen = Screen { printer: (!args.json).then(|| Printer::new(false)) };
    let executed = execution.run(means, &screen, &shutdown.token()).await?;
    let notebook = executed.report.notebook.to_json();
    std::fs::write(&output, notebook).with_context(|| format!("{} can't be written", output.display()))?;
    let metrics = metrics::collect(logged_metrics(&tracking), &executed.report.scraps, &executed.report.variables);
    let gates = contract.map(|contract| {
        pipeline::decide(contract.gates.as_deref(), contract.demanded.as_ref(), tuning.min_accuracy, &metrics, None)
    });
    Ok(Told { executed: &executed, metrics: &metrics, gates: gates.as_ref(), output: &output, started }.tell(&args))
}

/// What the notebook declares, if it has tags. `None` if it breaks its contract, or its file can't be read, which is told.
#[expect(clippy::option_option, reason = "a notebook without tags has no contract to break")]
fn contract(args: &Args, bytes: &[u8]) -> anyhow::Result<Option<Option<Contract>>> {
    let checked = validate::check(&args.notebook, bytes)?;
    Ok(match checked.verdict {
        Verdict::Valid(contract) if checked.problems.is_empty() => Some(Some(*contract)),
        Verdict::Skipped if checked.problems.is_empty() => {
            if !args.json {
                eprintln!("note: the notebook has no cell with an mlops:* tag: it runs here, but a push would skip it");
            }
            Some(None)
        }
        Verdict::Invalid(violations) if args.json => {
            let (outcome, problems) = ("the notebook breaks its contract", checked.problems);
            let report = json!({ "status": "failed", "outcome": outcome, "violations": violations, "problems": problems });
            println!("{report:#}");
            None
        }
        _ if args.json => {
            let outcome = "the file that belongs to the notebook can't be read";
            println!("{:#}", json!({ "status": "failed", "outcome": outcome, "problems": checked.problems }));
            None
        }
        _ => {
            checked.show(&args.notebook.display().to_string());
            None
        }
    })
}

/// The secrets that the notebook asks for, from one's own environment.
fn own_secrets(contract: Option<&Contract>) -> anyhow::Result<RunSecrets> {
    let asked = contract.map_or(&[][..], |contract| &contract.secrets);
    let own = |name: &SecretName| {
        let value = std::env::var(name.as_str());
        let value =
            value.with_context(|| format!("the notebook asks for the secret {name}: set a variable of this name"))?;
        check_secret(&value).map_err(|reason| anyhow!("{name}: {reason}"))?;
        Ok((name.clone(), value))
    };
    asked.iter().map(own).collect::<anyhow::Result<_>>().map(RunSecrets)
}

/// What is told of a run.
struct Told<'a> {
    executed: &'a Executed,
    metrics: &'a BTreeMap<String, f64>,
    gates: Option<&'a pipeline::Decision>,
    output: &'a Path,
    started: Instant,
}

impl Told<'_> {
    fn tell(&self, args: &Args) -> ExitCode {
        let Executed { report, package, .. } = self.executed;
        let succeeded = matches!(report.outcome, Outcome::Succeeded);
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
                "gates": self.gates.map(|decision| json!({"passed": decision.passed, "reason": decision.reason})),
                "package": package.as_ref().map(package_report),
                "notebook": self.output,
            });
            println!("{report:#}");
        } else {
            self.show(args);
        }
        let model_made = !matches!(package, Some(packager::Answer::Error { .. }));
        if succeeded && model_made { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn show(&self, args: &Args) {
        println!("{} ({:.2} s in all)", self.executed.report.outcome, self.started.elapsed().as_secs_f64());
        for (name, value) in self.metrics {
            println!("  {name:24} {}", metrics::display(*value));
        }
        if let Some(decision) = self.gates {
            println!("  gates: {}", decision.reason);
        }
        match (&self.executed.package, &args.model_output) {
            (Some(packager::Answer::Packaged { .. }), Some(folder)) => println!("  the model is in {}", folder.display()),
            (Some(packager::Answer::Error { error }), _) => println!("  the model could not be packaged: {error}"),
            _ => {}
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
        packager::Answer::Packaged { manifest, log, .. } => json!({ "manifest": manifest, "log": log }),
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
