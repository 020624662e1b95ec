//! `mlsys keys`: what programs show.

use std::process::ExitCode;

use contract::{Environment, Grant, KeyId, ModelName, RepoName, Role};
use serde_json::{Value, json};

use crate::{
    client::{Client, Page},
    settings::Settings,
    table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key, which is printed once
    Create(Create),
    /// List keys, newest first
    List(List),
    /// Revoke a key: from now on it lets nobody in
    Revoke {
        /// The key's id, as the list has it
        id: KeyId,
    },
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// What it is for
    name: String,
    #[command(flatten)]
    grant: GrantArgs,
    /// For how many days; without it, until it is revoked
    #[arg(long)]
    days: Option<u16>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A role, and what it is for.
#[derive(clap::Args)]
pub(crate) struct GrantArgs {
    /// viewer, predictor, developer, operator or admin
    #[arg(long)]
    role: Role,
    /// Only for this repository (owner/name)
    #[arg(long, conflicts_with = "model")]
    repo: Option<RepoName>,
    /// Only for this model
    #[arg(long)]
    model: Option<ModelName>,
    /// Only in this environment; for predictors
    #[arg(long)]
    env: Option<Environment>,
}

impl GrantArgs {
    /// The grant.
    pub fn grant(self) -> anyhow::Result<Grant> {
        let Self { role, repo, model, env } = self;
        let grant = Grant { role, repo, model, environment: env, expires_at: None };
        grant.check().map_err(anyhow::Error::msg)?;
        Ok(grant)
    }
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::Create(Create { name, grant, days, json }) => {
            let body = json!({ "name": name, "grants": [grant.grant()?], "days": days });
            let made: Value = client.post("/api/keys", body.to_string()).await?;
            if json {
                println!("{made:#}");
            } else {
                println!("{}", made["key"].as_str().unwrap_or_default());
                eprintln!("It is shown this once. Programs send it as `Authorization: Bearer …`.");
            }
        }
        Command::List(List { json }) => list(&client, json).await?,
        Command::Revoke { id } => {
            client.delete(&format!("/api/keys/{id}")).await?;
            println!("The key is revoked.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, json: bool) -> anyhow::Result<()> {
    let query = [("limit", "500".to_owned())];
    if json {
        println!("{:#}", client.get::<Value>("/api/keys", &query).await?);
        return Ok(());
    }
    let page: Page<Value> = client.get("/api/keys", &query).await?;
    if page.items.is_empty() {
        println!("No keys yet. `mlsys keys create NAME --role predictor` makes one.");
        return Ok(());
    }
    let row = |key: &Value| {
        let text = |field: &str| key[field].as_str().unwrap_or_default().to_owned();
        let state = if key["revoked_at"].is_null() { "" } else { "revoked" };
        [text("id"), text("prefix"), text("name"), state.to_owned(), in_words(&key["grants"])]
    };
    table::print(["ID", "KEY", "NAME", "STATE", "MAY"], page.items.iter().map(row));
    Ok(())
}

/// Grants for people: `predictor of titanic in dev`.
pub(crate) fn in_words(grants: &Value) -> String {
    let one = |grant: &Value| {
        let part = |field: &str, word: &str| grant[field].as_str().map_or(String::new(), |of| format!(" {word} {of}"));
        let role = grant["role"].as_str().unwrap_or_default();
        format!("{role}{}{}{}", part("repo", "of"), part("model", "of"), part("environment", "in"))
    };
    grants.as_array().map_or(String::new(), |grants| grants.iter().map(one).collect::<Vec<_>>().join(", "))
}
