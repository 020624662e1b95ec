//! `mlsys schedules`: what happens at which times.

mod create;
mod diff;
mod show;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use contract::ModelName;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    create::Create,
    show::{moments, print_firings, show, shown, text, zone_of},
};
use crate::{
    client::{Client, Page},
    progress::Progress,
    settings::Settings,
    table,
};

/// How often it is looked what comes of a firing.
const LOOK: Duration = Duration::from_millis(500);
/// How long an API that does not answer is asked again.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List schedules
    List(ListArgs),
    /// Have something happen again and again
    #[command(subcommand)]
    Create(Create),
    /// Show a schedule, its next firings and its last ones
    Show(OneArgs),
    /// Change when a schedule fires, or how
    Change(ChangeArgs),
    /// Have a schedule fire no more, until it is resumed
    Pause(OneArgs),
    /// Have a paused schedule fire again, from now on
    Resume(OneArgs),
    /// Have a schedule fire now
    Run(RunArgs),
    /// Have a schedule fire for its moments in a range of the past
    Backfill(BackfillArgs),
    /// End the firings that wait, and what runs
    Cancel(OneArgs),
    /// List the firings of a schedule, those for the latest moments first
    Firings(FiringsArgs),
    /// Remove a schedule; what it began goes on
    Delete(OneArgs),
    /// Tell when a pattern fires
    Next(NextArgs),
    /// Tell which schedules a push of this repository's `mlsys.toml` would create (+), change (~) and remove (-)
    Diff(diff::DiffArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// `batch_prediction`, retraining, retention or `registry_scan`
    #[arg(long)]
    kind: Option<String>,
    /// Of this model
    #[arg(long)]
    model: Option<ModelName>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct OneArgs {
    /// Its name, or its id
    schedule: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// Its name, or its id
    schedule: String,
    /// Wait until it has done what it is for
    #[arg(long)]
    wait: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ChangeArgs {
    /// Its name, or its id
    schedule: String,
    /// When it fires
    #[arg(long)]
    cron: Option<String>,
    /// In which time zone
    #[arg(long)]
    time_zone: Option<String>,
    /// skip, queue or replace
    #[arg(long, value_parser = ["skip", "queue", "replace"])]
    overlap: Option<String>,
    /// skip, once or all
    #[arg(long, value_parser = ["skip", "once", "all"])]
    misfire: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct BackfillArgs {
    /// Its name, or its id
    schedule: String,
    /// From this moment on: 2026-11-01 or 2026-11-01T02:00, in the schedule's time zone, or with an offset
    #[arg(long)]
    from: String,
    /// Up to this one, which is not one of them
    #[arg(long)]
    to: String,
    /// Only tell how many firings that makes
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct FiringsArgs {
    /// Its name, or its id
    schedule: String,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct NextArgs {
    /// The pattern
    cron: String,
    /// In which time zone
    #[arg(long, default_value = "UTC")]
    time_zone: String,
    /// How many are told
    #[arg(long, default_value_t = 10)]
    count: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: Command, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    match command {
        Command::List(args) => list(&client, &args).await?,
        Command::Create(create) => {
            let (body, json) = create::body(create);
            show(&client.post("/api/schedules", body.to_string()).await?, json);
        }
        Command::Show(OneArgs { schedule, json }) => {
            let found = one(&client, &schedule).await?;
            show(&found, json);
            if !json {
                let page: Page<Value> =
                    client.get(&format!("{}/firings", path(&found)), &[("limit", "10".to_owned())]).await?;
                print_firings(&page.items, &zone_of(&found));
            }
        }
        Command::Change(args) => {
            let found = one(&client, &args.schedule).await?;
            let mut body = json!({});
            let given =
                [("cron", args.cron), ("time_zone", args.time_zone), ("overlap", args.overlap), ("misfire", args.misfire)];
            for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                body[name] = value.into();
            }
            if body == json!({}) {
                bail!("nothing is to change; --help tells what can");
            }
            show(&client.patch(&path(&found), body.to_string()).await?, args.json);
        }
        Command::Pause(args) => pause(&client, &args, true).await?,
        Command::Resume(args) => pause(&client, &args, false).await?,
        Command::Run(args) => return run_now(&client, &args).await,
        Command::Diff(args) => return diff::run(&client, &args).await,
        Command::Backfill(args) => back_fill(&client, &args).await?,
        Command::Cancel(OneArgs { schedule, json }) => {
            let found = one(&client, &schedule).await?;
            let answer: Value = client.post(&format!("{}/cancel", path(&found)), String::new()).await?;
            if json {
                println!("{answer:#}");
            } else {
                println!("{} firings end", answer["cancelled"]);
            }
        }
        Command::Firings(FiringsArgs { schedule, limit, json }) => {
            let found = one(&client, &schedule).await?;
            let page: Page<Value> =
                client.get(&format!("{}/firings", path(&found)), &[("limit", limit.to_string())]).await?;
            if json {
                println!("{:#}", json!({ "items": page.items }));
            } else {
                print_firings(&page.items, &zone_of(&found));
            }
        }
        Command::Delete(OneArgs { schedule, json }) => {
            let found = one(&client, &schedule).await?;
            client.delete(&path(&found)).await?;
            if json {
                println!("{found:#}");
            } else {
                println!("removed {}", text(&found["name"]));
            }
        }
        Command::Next(NextArgs { cron, time_zone, count, json }) => {
            let query = [("cron", cron), ("time_zone", time_zone.clone()), ("count", count.to_string())];
            let answer: Value = client.get("/api/schedules/next", &query).await?;
            if json {
                println!("{answer:#}");
            } else {
                println!("{}", text(&answer["description"]));
                let zone = TimeZone::get(&time_zone).unwrap_or(TimeZone::UTC);
                moments(&answer["next_firings"], &zone).for_each(|moment| println!("{moment}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A schedule by its name, or its id.
async fn one(client: &Client, named: &str) -> anyhow::Result<Value> {
    let mut after: Option<String> = None;
    let mut known = Vec::new();
    loop {
        let mut query = vec![("limit", "500".to_owned())];
        query.extend(after.take().map(|after| ("after", after)));
        let page: Page<Value> = client.get("/api/schedules", &query).await?;
        for schedule in page.items {
            if schedule["name"] == named || schedule["id"] == named {
                return Ok(schedule);
            }
            known.push(text(&schedule["name"]));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let near = known.iter().max_by(|a, b| strsim::jaro(a, named).total_cmp(&strsim::jaro(b, named)));
    let near = near.filter(|near| strsim::jaro(near, named) > 0.7).map(|near| format!("; did you mean {near}?"));
    bail!("there is no schedule {named}{}", near.unwrap_or_default())
}

fn path(schedule: &Value) -> String {
    format!("/api/schedules/{}", text(&schedule["id"]))
}

async fn pause(client: &Client, args: &OneArgs, paused: bool) -> anyhow::Result<()> {
    let found = one(client, &args.schedule).await?;
    show(&client.patch(&path(&found), json!({ "paused": paused }).to_string()).await?, args.json);
    Ok(())
}

async fn run_now(client: &Client, RunArgs { schedule, wait, json }: &RunArgs) -> anyhow::Result<ExitCode> {
    let found = one(client, schedule).await?;
    let name = text(&found["name"]);
    let mut firing: Value = client.post(&format!("{}/run", path(&found)), String::new()).await?;
    if *wait {
        let (mut line, mut silent) = (Progress::new(), None);
        while !firing["finished_at"].is_string() {
            line.show(|| format!("{name}: {}", text(&firing["status"])));
            tokio::time::sleep(LOOK).await;
            let page = client.get::<Page<Value>>(&format!("{}/firings", path(&found)), &[("limit", "500".to_owned())]).await;
            match page {
                Ok(page) => {
                    let seen = page.items.into_iter().find(|other| other["id"] == firing["id"]);
                    firing = seen.context("the firing is not known any more")?;
                    silent = None;
                }
                // The API may be starting again.
                Err(_) if silent.get_or_insert_with(Instant::now).elapsed() < PATIENCE => {}
                Err(error) => return Err(error),
            }
        }
        line.end();
    }
    if *json {
        println!("{firing:#}");
    } else if *wait {
        print_firings(std::slice::from_ref(&firing), &zone_of(&found));
    } else {
        println!("it fires; `mlsys schedules firings {name}` tells what comes of it");
    }
    let is_well = !wait || firing["status"] == "succeeded";
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn back_fill(client: &Client, args: &BackfillArgs) -> anyhow::Result<()> {
    let found = one(client, &args.schedule).await?;
    let zone = zone_of(&found);
    let (from, to) = (moment(&args.from, &zone)?, moment(&args.to, &zone)?);
    let body = json!({ "from": from, "to": to, "dry_run": args.dry_run });
    let answer: Value = client.post(&format!("{}/backfill", path(&found)), body.to_string()).await?;
    if args.json {
        println!("{answer:#}");
        return Ok(());
    }
    let range: Vec<_> = moments(&json!([answer["first"], answer["last"]]), &zone).collect();
    let range = if let [first, last] = &range[..] { format!(", from {first} to {last}") } else { String::new() };
    let would = if args.dry_run { "it would fire" } else { "it fires" };
    println!("{would} for {} moments{range}", answer["firings"]);
    Ok(())
}

/// A moment as people write it; without an offset it is the zone's.
fn moment(text: &str, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let there: jiff::civil::DateTime = text
        .parse()
        .with_context(|| format!("{text:?} is no moment; write 2026-11-01, 2026-11-01T02:00 or 2026-11-01T02:00Z"))?;
    Ok(zone.to_timestamp(there)?)
}

async fn list(client: &Client, args: &ListArgs) -> anyhow::Result<()> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.kind.clone().map(|kind| ("kind", kind)));
    query.extend(args.model.as_ref().map(|model| ("model", model.to_string())));
    let page: Page<Value> = client.get("/api/schedules", &query).await?;
    if args.json {
        println!("{:#}", json!({ "items": page.items }));
        return Ok(());
    }
    if page.items.is_empty() {
        println!("no schedules yet; `mlsys schedules create --help` tells how to make one");
        return Ok(());
    }
    let rows = page.items.iter().map(|schedule| {
        let next = &schedule["next_firings"][0];
        let next = shown(next, &zone_of(schedule)).unwrap_or_else(|| "paused".to_owned());
        let last = schedule["last_firing"]["status"].as_str().unwrap_or("-").to_owned();
        [
            text(&schedule["name"]),
            text(&schedule["work"]["kind"]),
            text(&schedule["cron"]),
            text(&schedule["time_zone"]),
            next,
            last,
        ]
    });
    table::print(["NAME", "KIND", "CRON", "ZONE", "NEXT", "LAST"], rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_without_an_offset_is_the_zones() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let of = |text: &str| moment(text, &berlin).expect("a moment").to_string();
        assert_eq!(of("2026-07-01"), "2026-06-30T22:00:00Z");
        assert_eq!(of("2026-12-01T02:30"), "2026-12-01T01:30:00Z");
        assert_eq!(of("2026-12-01T02:30Z"), "2026-12-01T02:30:00Z");
        assert_eq!(of("2026-12-01T02:30+05:45"), "2026-11-30T20:45:00Z");
        assert!(moment("yesterday", &berlin).expect_err("none").to_string().contains("2026-11-01"));
    }
}
