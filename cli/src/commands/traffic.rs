//! `mlsys traffic`: a version that is tried beside the deployed one: how it does, with which share, and how it ends.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use contract::{Environment, ModelName};
use serde_json::{Map, Value, json};

use super::numbers::Numbers;
use crate::{client::Client, settings::Settings, table};

/// How often the table is shown anew.
const PERIOD: Duration = Duration::from_secs(2);

/// The names of rules, and what their values look like.
const RULES: &str = "What it has to keep to: min_requests=200, max_error_rate=0.01, max_latency_ratio=1.5, min_agreement=0.99, \
    within_minutes=60, on_pass=promote or on_pass=keep; may be given several times. A version that does not keep to its rules is \
    withdrawn by itself";

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Show how requests are shared out, and how each version does
    Show {
        /// The model
        model: ModelName,
        /// Show what happened since the last time, every two seconds
        #[arg(short, long, conflicts_with = "json")]
        follow: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try a version beside the deployed one, or change the share of the one that is tried
    ///
    /// A version of weight 0 is loaded and answers those that name it. What is not given stays as it is.
    Set(SetArgs),
    /// Make the version that is tried the deployed one; the one before stays loaded for the way back
    Promote {
        #[command(flatten)]
        place: PlaceArgs,
        /// For prod: the word production
        #[arg(long)]
        confirm: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End the trial of a version
    Withdraw {
        #[command(flatten)]
        place: PlaceArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct PlaceArgs {
    /// The model
    model: ModelName,
    /// Where: dev, staging or prod
    #[arg(long = "env")]
    environment: Environment,
}

#[derive(clap::Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The version
    #[arg(long, alias = "model_version")]
    version: u64,
    /// Its share of the requests, in percent
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    weight: Option<u8>,
    /// The share of the others' requests that it computes too, in percent, for comparison alone
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
    shadow: Option<u8>,
    /// What it has to keep to; may be given several times
    #[arg(long = "rule", value_name = "NAME=VALUE", value_parser = rule, long_help = RULES)]
    rules: Vec<(String, Value)>,
    /// Without rules from now on
    #[arg(long, conflicts_with = "rules")]
    no_rules: bool,
    /// For prod: the word production
    #[arg(long)]
    confirm: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A number, null or a word.
fn rule(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a rule is NAME=VALUE, as in min_requests=200")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::Show { model, follow, json } => show(&client, &model, follow, json).await?,
        Command::Set(args) => set(&client, args).await?,
        Command::Promote { place, confirm, json } => {
            let body = json!({ "environment": place.environment, "confirm": confirm });
            let path = format!("{}/promote", path(&place.model));
            tell(&place.model, &client.post(&path, body.to_string()).await?, json);
        }
        Command::Withdraw { place, json } => {
            let body = json!({ "environment": place.environment });
            let path = format!("{}/withdraw", path(&place.model));
            tell(&place.model, &client.post(&path, body.to_string()).await?, json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(model: &ModelName) -> String {
    format!("/api/models/{model}/traffic")
}

async fn set(client: &Client, args: SetArgs) -> anyhow::Result<()> {
    let SetArgs { place: PlaceArgs { model, environment }, version, weight, shadow, rules, no_rules, confirm, json } = args;
    let now: Value = client.get(&path(&model), &[]).await?;
    let places = now["places"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tried = places.iter().find(|place| place["environment"] == environment.as_str()).map(|place| &place["candidate"]);
    let is_over = |tried: &Value| ["promoted", "withdrawn"].iter().any(|over| tried["verdict"]["outcome"] == *over);
    let tried = tried.filter(|tried| tried["version"] == version && !is_over(tried));
    let stays = |field: &str| tried.map_or(Value::Null, |tried| tried[field].clone());
    let share = |given: Option<u8>, field| given.map_or_else(|| stays(field).as_u64().unwrap_or(0).into(), Value::from);
    let rules = if rules.is_empty() {
        if no_rules { Value::Null } else { stays("rules") }
    } else {
        // Those that are not given stay, or are what they are for everybody.
        let mut all = stays("rules").as_object().cloned().unwrap_or_else(Map::new);
        all.extend(rules);
        all.into()
    };
    let body = json!({
        "environment": environment, "version": version, "weight": share(weight, "weight"),
        "shadow": share(shadow, "shadow"), "rules": rules, "confirm": confirm,
    });
    let place: Value = client.put_for(&path(&model), body.to_string()).await?;
    if !json && place["state"] == "waiting" {
        let id = place["id"].as_str().unwrap_or_default();
        println!("That version {version} of {model} is tried waits for somebody else to approve it: {id}");
        return Ok(());
    }
    tell(&model, &place, json);
    Ok(())
}

/// Says how a place is now.
fn tell(model: &ModelName, place: &Value, json: bool) {
    if json {
        println!("{place:#}");
        return;
    }
    let (environment, current) = (place["environment"].as_str().unwrap_or_default(), &place["current"]);
    println!("Version {} of {model} answers {} % in {environment}.", current["version"], current["weight"]);
    let candidate = &place["candidate"];
    if candidate.is_null() {
        return;
    }
    let (version, weight, shadow) = (&candidate["version"], &candidate["weight"], &candidate["shadow"]);
    match candidate["verdict"]["outcome"].as_str() {
        Some("promoted") => println!("Version {version} stays loaded for the way back."),
        Some("withdrawn") => {
            println!("Version {version} was withdrawn: {}.", candidate["verdict"]["reason"].as_str().unwrap_or_default());
        }
        _ if shadow == 0 => println!("Version {version} answers {weight} %."),
        _ => println!("Version {version} answers {weight} %, and computes {shadow} % as a shadow."),
    }
}

async fn show(client: &Client, model: &ModelName, follow: bool, json: bool) -> anyhow::Result<()> {
    let mut traffic: Value = client.get(&path(model), &[]).await?;
    if json {
        println!("{traffic:#}");
        return Ok(());
    }
    if !follow {
        return print(&traffic, None);
    }
    println!("What happens from now on, every {} s; Ctrl-C ends it.", PERIOD.as_secs());
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let now: Value = client.get(&path(model), &[]).await?;
        print(&now, Some(&traffic))?;
        traffic = now;
    }
}

/// A line for each version of each environment: since the servers started, or since `before`.
fn print(traffic: &Value, before: Option<&Value>) -> anyhow::Result<()> {
    let places = traffic["places"].as_array().context("this mlsys does not say how requests are shared out")?;
    if places.is_empty() {
        println!("It is deployed nowhere.");
    }
    let mut rows = Vec::new();
    for place in places {
        let environment = place["environment"].as_str().unwrap_or_default();
        for (role, one) in [("current", &place["current"]), ("candidate", &place["candidate"])] {
            let Some(version) = one["version"].as_u64() else { continue };
            let numbers = Numbers::of(traffic, version).since(before.map(|before| Numbers::of(before, version)));
            let percent = |field: &str| one[field].as_u64().map_or_else(String::new, |share| format!("{share} %"));
            rows.push([
                environment.to_owned(),
                version.to_string(),
                role.to_owned(),
                percent("weight"),
                percent("shadow"),
                numbers.requests.to_string(),
                numbers.error_share(),
                numbers.quantile(0.5),
                numbers.quantile(0.99),
                numbers.agreement(),
                verdict(&one["verdict"]),
            ]);
        }
    }
    let heads =
        ["WHERE", ">VERSION", "IS", ">SHARE", ">SHADOW", ">REQUESTS", ">ERRORS", ">P50", ">P99", ">AGREE", "VERDICT"];
    table::print(heads, rows);
    Ok(())
}

fn verdict(verdict: &Value) -> String {
    match (verdict["outcome"].as_str(), verdict["reason"].as_str()) {
        (Some(outcome), Some(reason)) => format!("{outcome}: {reason}"),
        _ => String::new(),
    }
}
