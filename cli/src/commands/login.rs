//! `mlsys login`: an address that signs a browser in; for another mlsys, a key that is kept for it.

use std::{
    io::{IsTerminal, Write},
    process::{Command, ExitCode},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use service::Secret;

use crate::{client::Client, commands::up, credentials, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the other mlsys is, such as `https://mlsys.example.org`; without it, and without `MLSYS_URL`, this machine's
    address: Option<String>,
    /// Open the browser as well
    #[arg(long, conflicts_with = "address")]
    open: bool,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    match args.address.as_deref().or_else(|| settings.get("MLSYS_URL")) {
        Some(address) => keep_key(address).await?,
        None => sign_browser_in(settings, args.open).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn sign_browser_in(settings: &Settings, open: bool) -> anyhow::Result<()> {
    let client = Client::new(settings)?;
    let made: Value = client.post("/api/sessions/address", "null".to_owned()).await?;
    let address = made["address"].as_str().context("the answer is not what this mlsys understands")?;
    println!("{address}");
    eprintln!("It signs a browser in, once, within a quarter of an hour.");
    if open {
        up::open(address);
    }
    Ok(())
}

async fn keep_key(address: &str) -> anyhow::Result<()> {
    let base = address.trim_end_matches('/');
    ensure!(base.starts_with("http://") || base.starts_with("https://"), "{base} is no address: it begins with https://");
    let key = asked(base)?;
    let me: Value = Client::at(base, Some(key.clone())).get("/api/me", &[]).await?;
    let file = credentials::keep(base, &key)?;
    println!("{base} knows this key as {}; it is kept in {}.", me["name"].as_str().unwrap_or("?"), file.display());
    println!("Commands show it where MLSYS_URL={base} is set.");
    Ok(())
}

/// A key from standard input.
fn asked(base: &str) -> anyhow::Result<Secret> {
    let key = hidden_line(&format!("The key for {base}, which its Keys page makes: "))?;
    let key = key.trim();
    ensure!(key.starts_with("mlsys_"), "that is no key of mlsys: it begins with mlsys_");
    Ok(Secret::new(key))
}

/// A line from standard input; on a terminal, it is asked for and not shown.
pub(crate) fn hidden_line(question: &str) -> anyhow::Result<String> {
    let is_terminal = std::io::stdin().is_terminal();
    let echo = |on: bool| is_terminal.then(|| Command::new("stty").arg(if on { "echo" } else { "-echo" }).status());
    if is_terminal {
        eprint!("{question}");
        std::io::stderr().flush()?;
    }
    let _ = echo(false);
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if echo(true).is_some() {
        eprintln!();
    }
    read.context("standard input can't be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
