//! `mlsys validate`: the contract, and what is declared beside it, checked without running anything.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use declared::{Problem, Read};
use pipeline::{Demanded, Verdict};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The notebooks to check, each with the `mlsys.toml` that belongs to it; or such files alone
    #[arg(required = true)]
    notebooks: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut all_valid = true;
    let mut reports = Vec::new();
    for path in &args.notebooks {
        let name = path.display().to_string();
        if path.file_name().is_some_and(|name| name == pipeline::DECLARATIONS) {
            let place = Place::of(path).with_context(|| format!("{name} can't be read"))?;
            let read = declared::at(&place.root, &place.path).with_context(|| format!("{name} can't be read"))?;
            let Read { file, .. } = read.with_context(|| format!("{name} is no file"))?;
            all_valid &= file.is_ok();
            let declared = file.map(|file| file.schedules.len());
            if args.json {
                reports.push(match &declared {
                    Ok(schedules) => json!({"file": name, "status": "valid", "schedules": schedules}),
                    Err(problems) => json!({"file": name, "status": "invalid", "problems": problems}),
                });
            } else {
                match declared {
                    Ok(1) => println!("{name}: valid: 1 schedule"),
                    Ok(schedules) => println!("{name}: valid: {schedules} schedules"),
                    Err(problems) => println!("{name}: {}", told(&problems)),
                }
            }
            continue;
        }
        let bytes = std::fs::read(path).with_context(|| format!("{name} can't be read"))?;
        let checked = check(path, &bytes)?;
        all_valid &= checked.is_valid();
        if args.json {
            let mut report = match &checked.verdict {
                Verdict::Skipped => json!({"notebook": name, "status": "skipped"}),
                Verdict::Invalid(violations) => json!({"notebook": name, "status": "invalid", "violations": violations}),
                Verdict::Valid(contract) => json!({"notebook": name, "status": "valid", "contract": contract}),
            };
            if !checked.problems.is_empty() {
                report["status"] = "invalid".into();
                report["problems"] = json!(checked.problems);
            }
            reports.push(report);
        } else {
            checked.show(&name);
        }
    }
    if args.json {
        println!("{:#}", json!({ "items": reports }));
    }
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A notebook that was checked, together with the file that belongs to it.
pub(crate) struct Checked {
    /// What of the notebook.
    pub(crate) verdict: Verdict,
    /// What is wrong with the file.
    pub(crate) problems: Vec<Problem>,
}

/// Checks a notebook. What its file demands is in its contract then.
pub(crate) fn check(path: &Path, bytes: &[u8]) -> anyhow::Result<Checked> {
    let mut verdict = pipeline::validate(bytes, &path.display().to_string());
    let place = Place::of(path)?;
    let mut problems = Vec::new();
    if let Some(Read { path: file, file: read, .. }) = declared::belonging(&place.root, &place.path)? {
        match (read, &mut verdict) {
            (Err(wrong), _) => problems = wrong,
            (Ok(read), Verdict::Valid(contract)) => {
                let gates = read.gates_for(&contract.model_name, &place.path);
                contract.demanded = (!gates.is_empty()).then_some(Demanded { file, gates });
            }
            (Ok(_), Verdict::Invalid(_) | Verdict::Skipped) => {}
        }
    }
    Ok(Checked { verdict, problems })
}

impl Checked {
    fn is_valid(&self) -> bool {
        self.problems.is_empty() && !matches!(self.verdict, Verdict::Invalid(_))
    }

    /// Prints it.
    pub(crate) fn show(&self, name: &str) {
        match &self.verdict {
            Verdict::Skipped => println!("{name}: skipped: no cell has an mlops:* tag"),
            Verdict::Valid(contract) => {
                let and = if self.problems.is_empty() { "valid" } else { "the notebook alone is valid" };
                println!("{name}: {and}: {} {}", contract.model_name, contract.version);
                for warning in &contract.warnings {
                    println!("  warning: {warning}");
                }
                if let Some(Demanded { file, gates }) = &contract.demanded {
                    let gates: Vec<_> = gates.iter().map(ToString::to_string).collect();
                    println!("  {file} demands: {}", gates.join("; "));
                }
            }
            Verdict::Invalid(violations) => {
                let count = violations.len();
                println!("{name}: {}", if count == 1 { "1 violation".to_owned() } else { format!("{count} violations") });
                for violation in violations {
                    println!("  {violation}");
                }
            }
        }
        if !self.problems.is_empty() {
            println!("{}: {}", self.problems[0].file, told(&self.problems));
        }
    }
}

/// Problems, a line each.
pub(crate) fn told(problems: &[Problem]) -> String {
    let count = if problems.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", problems.len()) };
    problems.iter().fold(count, |told, problem| format!("{told}\n  {problem}"))
}

/// Where a file of a repository lies.
pub(crate) struct Place {
    /// The repository's root, or the file's folder.
    pub(crate) root: PathBuf,
    /// Its path there.
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn of(file: &Path) -> anyhow::Result<Self> {
        let file = file.canonicalize()?;
        let folder = file.parent().context("it lies in no folder")?;
        let root = folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(folder).to_owned();
        let path = file.strip_prefix(&root)?.to_str().context("its path is not in UTF-8")?.to_owned();
        Ok(Self { root, path })
    }
}
