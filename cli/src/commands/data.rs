//! `mlsys data`: which tables and files a repository's notebooks may reach.

use std::process::ExitCode;

use contract::{DataAccess, DataPlace, RepoName};
use serde_json::{Value, json};

use crate::{client::Client, commands::secrets::part_of, settings::Settings, table};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Allow a repository's notebooks to read a dataset or a bucket, with mlsys.bq and mlsys.gcs
    Allow {
        /// A dataset, such as local.titanic, or a bucket, as `gs://BUCKET`
        place: DataPlace,
        /// The repository (owner/name)
        #[arg(long)]
        repo: RepoName,
        /// Allow them to change it as well
        #[arg(long)]
        write: bool,
    },
    /// List what a repository's notebooks may reach
    List {
        /// The repository (owner/name)
        #[arg(long)]
        repo: RepoName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep a repository's notebooks from a dataset or a bucket again
    Forbid {
        /// The dataset or bucket
        place: DataPlace,
        /// The repository (owner/name)
        #[arg(long)]
        repo: RepoName,
    },
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::Allow { place, repo, write } => {
            let access = if write { DataAccess::Write } else { DataAccess::Read };
            client.put(&at(&client, &repo, &place).await?, json!({ "access": access }).to_string()).await?;
            println!("The notebooks of {repo} may {access} {place}, from their next run on.");
        }
        Command::List { repo, json } => {
            let all: Value = client.get(&part_of(&client, &repo, "data").await?, &[]).await?;
            if json {
                println!("{all:#}");
                return Ok(ExitCode::SUCCESS);
            }
            let fields = ["place", "access", "set_at", "set_by"];
            let row = |one: &Value| fields.map(|field| one[field].as_str().unwrap_or_default().to_owned());
            table::print(["DATA", "MAY", "SET AT", "SET BY"], all["items"].as_array().into_iter().flatten().map(row));
        }
        Command::Forbid { place, repo } => {
            client.delete(&at(&client, &repo, &place).await?).await?;
            println!("The notebooks of {repo} may reach {place} no more, from their next run on.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The address of a place; a bucket's name has slashes.
async fn at(client: &Client, repo: &RepoName, place: &DataPlace) -> anyhow::Result<String> {
    let place = place.to_string().replace('/', "%2F");
    Ok(format!("{}/{place}", part_of(client, repo, "data").await?))
}
