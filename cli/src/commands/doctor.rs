//! `mlsys doctor`: what mlsys needs on this machine, and what to do where it lacks.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitCode,
};

use serde_json::json;
use tokio::process::Command;

use crate::{home::Home, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
struct Finding {
    name: &'static str,
    result: Result<String, String>,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let findings = look(settings).await;
    let well = findings.iter().all(|finding| finding.result.is_ok());
    if args.json {
        let items: Vec<_> = findings
            .iter()
            .map(|Finding { name, result }| match result {
                Ok(found) => json!({"name": name, "ok": true, "found": found}),
                Err(problem) => json!({"name": name, "ok": false, "problem": problem}),
            })
            .collect();
        println!("{:#}", json!({ "ok": well, "items": items }));
    } else {
        for Finding { name, result } in &findings {
            match result {
                Ok(found) => println!("ok    {name}: {found}"),
                Err(problem) => println!("FAIL  {name}: {problem}"),
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(settings: &Settings) -> Vec<Finding> {
    let git = Command::new("git").arg("--version").output().await;
    let git = match git {
        Ok(answer) if answer.status.success() => Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned()),
        _ => Err("git is not installed: pushes to the local remote need it".to_owned()),
    };
    let base = python::base_python().await.map(|path| path.display().to_string()).map_err(|error| error.to_string());
    let mut findings = vec![
        Finding { name: "settings", result: checked(settings) },
        Finding { name: "git", result: git },
        Finding { name: "Python", result: base },
        Finding { name: "Python environment", result: environment(settings).await },
        Finding { name: "MLSYS_HOME", result: home(settings) },
        Finding { name: "sandbox", result: confinement(settings) },
    ];
    findings.extend(ports(settings));
    findings
}

fn checked(settings: &Settings) -> Result<String, String> {
    settings.processes(None).map_err(|error| error.to_string())?;
    match settings.without_effect() {
        told if told.is_empty() => Ok("every value is legal".to_owned()),
        told => Err(told.join("; ")),
    }
}

/// What code of others is confined to here, and what that leaves open.
fn confinement(settings: &Settings) -> Result<String, String> {
    let mode = settings.processes(None).map_or(sandbox::Mode::Auto, |processes| processes.worker.sandbox);
    let offer = sandbox::Offer::of_this_machine();
    let told = offer.describe(mode);
    if mode == sandbox::Mode::Require && offer.landlock.is_none() { Err(told) } else { Ok(told) }
}

async fn environment(settings: &Settings) -> Result<String, String> {
    let platform = settings.platform().map_err(|error| format!("{error:#}"))?;
    let found = platform.installed().ok_or("not prepared yet: `mlsys prepare`, or the first `mlsys up`, does it")?;
    python::check(&found).await.map_err(|error| error.to_string())?;
    Ok(found.display().to_string())
}

fn home(settings: &Settings) -> Result<String, String> {
    let home = Home::open(&settings.home).map_err(|error| format!("{error:#}"))?;
    let probe: PathBuf = home.join("doctor.probe");
    std::fs::write(&probe, b"")
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|error| format!("can't be written: {error}"))?;
    Ok(home.path().display().to_string())
}

/// Whether the ports are free, or taken by this home's own mlsys.
fn ports(settings: &Settings) -> Vec<Finding> {
    let Ok(processes) = settings.processes(None) else { return Vec::new() };
    let running = Home::open(&settings.home).ok().and_then(|home| home.lock().err());
    let look = |name, address: SocketAddr, flag: &str| {
        let port = address.port();
        let result = match TcpListener::bind(address) {
            Ok(_) => Ok(format!("{port} is free")),
            Err(_) if running.is_some() => Ok(format!("{port} is taken, and mlsys is running")),
            Err(_) => Err(format!("{port} is taken by another program: choose another with {flag}")),
        };
        Finding { name, result }
    };
    let backend = processes.backend.listen;
    let mut findings = vec![
        look("API port", backend, "--port"),
        look("model-server port", processes.model_server.listen, "--model-server-port"),
    ];
    findings
        .extend(processes.mlflow_port.map(|port| look("MLflow port", SocketAddr::new(backend.ip(), port), "--mlflow-port")));
    findings
}
