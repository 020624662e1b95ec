//! `mlsys validate`: the contract, checked without running anything.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use pipeline::Verdict;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The notebooks to check
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
        let bytes = std::fs::read(path).with_context(|| format!("{name} can't be read"))?;
        let verdict = pipeline::validate(&bytes, &name);
        all_valid &= !matches!(verdict, Verdict::Invalid(_));
        if args.json {
            reports.push(match &verdict {
                Verdict::Skipped => json!({"notebook": name, "status": "skipped"}),
                Verdict::Invalid(violations) => json!({"notebook": name, "status": "invalid", "violations": violations}),
                Verdict::Valid(contract) => json!({"notebook": name, "status": "valid", "contract": contract}),
            });
        } else {
            show(&name, &verdict);
        }
    }
    if args.json {
        println!("{:#}", json!({ "items": reports }));
    }
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a verdict.
pub(crate) fn show(name: &str, verdict: &Verdict) {
    match verdict {
        Verdict::Skipped => println!("{name}: skipped: no cell has an mlops:* tag"),
        Verdict::Valid(contract) => {
            println!("{name}: valid: {} {}", contract.model_name, contract.version);
            for warning in &contract.warnings {
                println!("  warning: {warning}");
            }
        }
        Verdict::Invalid(violations) => {
            println!(
                "{name}: {}",
                if violations.len() == 1 { "1 violation".to_owned() } else { format!("{} violations", violations.len()) }
            );
            for violation in violations {
                println!("  {violation}");
            }
        }
    }
}
