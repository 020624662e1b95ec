//! `mlsys approvals`: promotions to production that wait for a second person.

use std::process::ExitCode;

use contract::{ApprovalId, ModelName};
use serde_json::{Value, json};

use crate::{
    client::{Client, Page},
    settings::Settings,
    table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List what waits
    List {
        /// Of this model
        #[arg(long)]
        model: Option<ModelName>,
        /// Also what was decided
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Approve what somebody else asked for, and make it
    Approve {
        /// Its id, as the list has it
        id: ApprovalId,
        /// The word production
        #[arg(long)]
        confirm: Option<String>,
    },
    /// Refuse what somebody asked for
    Refuse {
        /// Its id, as the list has it
        id: ApprovalId,
        /// Why, for who asked
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take back what you asked for
    Withdraw {
        /// Its id, as the list has it
        id: ApprovalId,
    },
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::List { model, all, json } => list(&client, model, all, json).await?,
        Command::Approve { id, confirm } => {
            let body = json!({ "confirm": confirm });
            let made: Value = client.post(&format!("/api/approvals/{id}/approve"), body.to_string()).await?;
            println!("{}", made["detail"].as_str().unwrap_or_default());
        }
        Command::Refuse { id, reason } => {
            let body = json!({ "reason": reason });
            client.post::<Value>(&format!("/api/approvals/{id}/refuse"), body.to_string()).await?;
            println!("The promotion is refused.");
        }
        Command::Withdraw { id } => {
            client.delete(&format!("/api/approvals/{id}")).await?;
            println!("The promotion is taken back.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(client: &Client, model: Option<ModelName>, all: bool, json: bool) -> anyhow::Result<()> {
    let mut query = Vec::new();
    query.extend(model.map(|model| ("model", model.to_string())));
    query.extend((!all).then(|| ("state", "waiting".to_owned())));
    if json {
        println!("{:#}", client.get::<Value>("/api/approvals", &query).await?);
        return Ok(());
    }
    let page: Page<Value> = client.get("/api/approvals", &query).await?;
    if page.items.is_empty() {
        println!("Nothing waits.");
        return Ok(());
    }
    let row = |one: &Value| {
        let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
        [text("id"), text("state"), text("model_name"), one["version"].to_string(), text("asker"), text("expires_at")]
    };
    table::print(["ID", "STATE", "MODEL", ">VERSION", "ASKED BY", "UNTIL"], page.items.iter().map(row));
    Ok(())
}
