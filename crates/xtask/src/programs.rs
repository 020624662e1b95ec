//! Runs all tests that are built, a few programs at a time, those that take long first: `cargo test` runs one after the
//! other, and many wait for servers most of the time.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::Mutex,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::repository::Repository;

/// What takes long, the longest first: a package with its tests, or a target of the Makefile.
const LONG: [&str; 12] = [
    "mlsys cluster",
    "mlsys it",
    "kernel it",
    "model-server it",
    "make test-packager",
    "make test-dashboard",
    "worker it",
    "backend it",
    "make test-python",
    "warehouse it",
    "store plans",
    "artifacts it",
];
/// What cargo tells a program that it runs, this one too. Build scripts (ring's) ask for it, so that a cargo which is started
/// with it builds half of the tree anew.
const TOLD: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];
/// Tests that are in no package.
const TARGETS: [&str; 3] = ["test-dashboard", "test-packager", "test-python"];

/// A program that tests something.
struct Job {
    name: String,
    command: Command,
}

/// A message of cargo, as far as it is of interest:
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Runs everything; the answer is whether all of it passed.
pub fn run(repository: &Repository, lanes: usize) -> Result<bool> {
    let mut jobs = programs(repository)?;
    for target in TARGETS {
        let mut command = Command::new("make");
        command.args(["--no-print-directory", target]).current_dir(repository.root());
        jobs.push(Job { name: format!("make {target}"), command });
    }
    let rank = |job: &Job| LONG.iter().position(|name| *name == job.name).unwrap_or(LONG.len());
    // The next one is taken from the end.
    jobs.sort_by_key(|job| std::cmp::Reverse(rank(job)));
    let (count, started) = (jobs.len(), Instant::now());
    let (jobs, failed) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                while let Some(job) = jobs.lock().ok().and_then(|mut jobs| jobs.pop()) {
                    if let (Some(name), Ok(mut failed)) = (one(job), failed.lock()) {
                        failed.push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    let seconds = started.elapsed().as_secs();
    if failed.is_empty() {
        println!("tests: {count} programs passed in {seconds} s");
    } else {
        println!("tests: {} of {count} programs failed in {seconds} s: {}", failed.len(), failed.join(", "));
    }
    Ok(failed.is_empty())
}

/// Runs one; its name if it failed. What it said comes in one piece, and only if it failed.
fn one(mut job: Job) -> Option<String> {
    let started = Instant::now();
    let ended = job.command.stdin(Stdio::null()).output();
    let seconds = started.elapsed().as_secs_f64();
    match ended {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            let results = said.lines().filter(|line| line.starts_with("test result:") || line.contains("Tests  "));
            let results: Vec<_> = results.map(str::trim).collect();
            println!("passed {} in {seconds:.1} s: {}", job.name, results.join("; "));
            None
        }
        Ok(output) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            println!(
                "{}{}FAILED {} in {seconds:.1} s: {}",
                text(&output.stdout),
                text(&output.stderr),
                job.name,
                output.status
            );
            Some(job.name)
        }
        Err(error) => {
            println!("FAILED {}: {error}", job.name);
            Some(job.name)
        }
    }
}

/// The tests' programs, built where they are not yet.
fn programs(repository: &Repository) -> Result<Vec<Job>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut said = String::new();
    // Cargo leaves the cluster's tests out unless they are all it is asked for.
    for which in [&["--tests"][..], &["--test", "cluster"]] {
        let mut build = Command::new(&cargo);
        for (name, _) in std::env::vars_os() {
            if TOLD.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())) {
                build.env_remove(name);
            }
        }
        build.args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]).args(which);
        let output = build.current_dir(repository.root()).stderr(Stdio::inherit()).output().context("cargo test")?;
        if !output.status.success() {
            bail!("the tests can't be built");
        }
        said.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    let mut jobs = Vec::new();
    for line in said.lines() {
        let Ok(message) = serde_json::from_str::<Message>(line) else { continue };
        let (Some(executable), Some(manifest), Some(target)) = (message.executable, message.manifest_path, message.target)
        else {
            continue;
        };
        if !message.profile.is_some_and(|profile| profile.test) {
            continue;
        }
        let folder = manifest.parent().context("a manifest lies in a folder")?;
        let package = folder.file_name().unwrap_or_default().to_string_lossy();
        let package = if package == "cli" { "mlsys".into() } else { package };
        let mut command = Command::new(executable);
        command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
        let own = if target.kind.iter().any(|kind| kind == "test") { &*target.name } else { "units" };
        jobs.push(Job { name: format!("{package} {own}"), command });
    }
    Ok(jobs)
}
