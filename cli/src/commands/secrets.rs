//! `mlsys secrets`: what a repository's notebooks ask for by name.

use std::{
    io::{IsTerminal, Read},
    process::ExitCode,
};

use anyhow::Context;
use contract::{RepoName, SecretName, check_secret};
use serde_json::{Value, json};

use crate::{
    client::{Client, Page},
    commands::login::hidden_line,
    settings::Settings,
    table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Set a secret, to what standard input has; on a terminal, it is asked for and not shown
    Set {
        /// Its name, which notebooks list in SECRETS
        name: SecretName,
        /// The repository (owner/name) whose notebooks may ask for it
        #[arg(long)]
        repo: RepoName,
    },
    /// List a repository's secrets: their names, who set them and when
    List {
        /// The repository (owner/name)
        #[arg(long)]
        repo: RepoName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a secret
    Remove {
        /// Its name
        name: SecretName,
        /// The repository (owner/name)
        #[arg(long)]
        repo: RepoName,
    },
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::Set { name, repo } => {
            let path = format!("{}/{name}", part_of(&client, &repo, "secrets").await?);
            let value = asked(&name)?;
            check_secret(&value).map_err(anyhow::Error::msg)?;
            client.put(&path, json!({ "value": value }).to_string()).await?;
            println!("{repo} has the secret {name}. Its notebooks ask for it by SECRETS = [\"{name}\"].");
        }
        Command::List { repo, json } => {
            let all: Value = client.get(&part_of(&client, &repo, "secrets").await?, &[]).await?;
            if json {
                println!("{all:#}");
                return Ok(ExitCode::SUCCESS);
            }
            let row = |secret: &Value| {
                ["name", "set_at", "set_by"].map(|field| secret[field].as_str().unwrap_or_default().to_owned())
            };
            table::print(["NAME", "SET AT", "SET BY"], all["items"].as_array().into_iter().flatten().map(row));
        }
        Command::Remove { name, repo } => {
            client.delete(&format!("{}/{name}", part_of(&client, &repo, "secrets").await?)).await?;
            println!("The secret is removed.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a part of what there is of a repository is.
pub(crate) async fn part_of(client: &Client, repo: &RepoName, part: &str) -> anyhow::Result<String> {
    let found: Page<Value> = client.get("/api/repos", &[("repo", repo.to_string())]).await?;
    let id = found.items.first().map(|repo| repo["id"].to_string());
    Ok(format!("/api/repos/{}/{part}", id.with_context(|| format!("{repo} is not registered"))?))
}

/// A secret from standard input, all of it but a line break at its end; on a terminal, one line that is not shown.
fn asked(name: &SecretName) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return hidden_line(&format!("{name}: "));
    }
    let mut value = String::new();
    std::io::stdin().read_to_string(&mut value).context("standard input can't be read as text")?;
    let line = value.strip_suffix('\n').map_or(value.len(), str::len);
    value.truncate(line);
    Ok(value)
}
