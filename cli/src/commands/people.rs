//! `mlsys people`: who may sign in.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::{
    client::{Client, Page},
    commands::keys::{GrantArgs, in_words},
    settings::Settings,
    table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Let somebody in: prints the address at which they choose a password
    Invite {
        /// What they sign in as
        login: String,
        /// Their name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        grant: GrantArgs,
    },
    /// List people
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::Invite { login, name, grant } => {
            let body = json!({ "login": login, "name": name, "grants": [grant.grant()?] });
            let made: Value = client.post("/api/people", body.to_string()).await?;
            println!("{}", made["invitation"].as_str().unwrap_or_default());
            eprintln!("Send it to {login} alone: it works once, within a week.");
        }
        Command::List { json } => {
            let query = [("limit", "500".to_owned())];
            if json {
                println!("{:#}", client.get::<Value>("/api/people", &query).await?);
                return Ok(ExitCode::SUCCESS);
            }
            let page: Page<Value> = client.get("/api/people", &query).await?;
            let row = |person: &Value| {
                let text = |field: &str| person[field].as_str().unwrap_or_default().to_owned();
                let state = if person["disabled"] == true { "disabled" } else { "" };
                [text("login"), text("name"), state.to_owned(), in_words(&person["grants"])]
            };
            table::print(["LOGIN", "NAME", "STATE", "MAY"], page.items.iter().map(row));
        }
    }
    Ok(ExitCode::SUCCESS)
}
