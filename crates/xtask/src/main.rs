//! Repository chores.
//!
//! `cargo xtask tidy` fails on whatever is not as `ARCHITECTURE.md` says; `cargo xtask docs` writes what is generated;
//! `cargo xtask lock-python` pins the platform's Python environment; `cargo xtask test` runs all tests that are built.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod arrows;
mod docs;
mod programs;
mod repository;
mod sizes;
mod texts;

use std::process::ExitCode;

use anyhow::{Context, Result};
use repository::Repository;

fn main() -> Result<ExitCode> {
    let repository = Repository::here()?;
    let task = std::env::args().nth(1).unwrap_or_default();
    match &*task {
        "tidy" => tidy(&repository),
        "docs" => docs::write(&repository).map(|()| ExitCode::SUCCESS),
        "test" => {
            let lanes = std::env::args().nth(2).map_or(Ok(3), |lanes| lanes.parse()).context("how many at a time?")?;
            Ok(if programs::run(&repository, lanes)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        "lock-python" => lock_python(&repository).map(|()| ExitCode::SUCCESS),
        _ => {
            eprintln!("usage: cargo xtask tidy|docs|lock-python|test [HOW MANY AT A TIME]");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Every rule; every finding is printed.
fn tidy(repository: &Repository) -> Result<ExitCode> {
    let metadata = repository.metadata()?;
    let files = repository.text_files()?;
    let mut findings = arrows::findings(&metadata);
    findings.extend(sizes::findings(&files));
    findings.extend(texts::findings(&files));
    // The other rules have their say even while mlsys does not build.
    findings.extend(docs::findings(repository, &metadata).unwrap_or_else(|error| vec![format!("docs: {error:#}")]));
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: {} packages, {} files: all well", metadata.packages.len(), files.len()),
        count => println!("tidy: {count} to fix"),
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Pins every package of the platform's Python environment, and the `uv` that installs them, with hashes. `MLSYS_UV` names
/// another `uv` than the PATH's.
fn lock_python(repository: &Repository) -> Result<()> {
    let options = "pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url";
    let uv = std::env::var("MLSYS_UV").unwrap_or_else(|_| "uv".to_owned());
    for name in ["requirements", "uv"] {
        let (wanted, lock) = (format!("crates/python/platform/{name}.in"), format!("crates/python/platform/{name}.lock"));
        repository.output(&uv, &options.split(' ').chain([&*wanted, "-o", &lock]).collect::<Vec<_>>())?;
    }
    Ok(())
}
