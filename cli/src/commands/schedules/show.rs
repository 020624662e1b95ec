//! Schedules and firings for people.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::table;

pub(super) fn zone_of(schedule: &Value) -> TimeZone {
    TimeZone::get(&text(&schedule["time_zone"])).unwrap_or(TimeZone::UTC)
}

/// Moments as they are in a zone.
pub(super) fn moments<'v>(values: &'v Value, zone: &'v TimeZone) -> impl Iterator<Item = String> + 'v {
    values.as_array().into_iter().flatten().filter_map(|value| shown(value, zone))
}

pub(super) fn shown(value: &Value, zone: &TimeZone) -> Option<String> {
    let moment: Timestamp = value.as_str()?.parse().ok()?;
    Some(moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string())
}

pub(super) fn show(schedule: &Value, json: bool) {
    if json {
        println!("{schedule:#}");
        return;
    }
    let work = &schedule["work"];
    let what = match work["kind"].as_str() {
        Some("batch_prediction") => {
            let version = work["version"].as_u64().map(|version| format!(" version {version}")).unwrap_or_default();
            let [model, environment, input, output] =
                ["model_name", "environment", "input_table", "output_table"].map(|name| text(&work[name]));
            format!("{model}{version} ({environment}): {input} into {output}")
        }
        Some("retraining") => {
            format!("{} of {}, {}", text(&work["notebook_path"]), text(&work["repo"]), text(&work["branch"]))
        }
        Some("registry_scan") => format!("registry scan of {}", text(&work["environment"])),
        _ => "retention".to_owned(),
    };
    println!("{}: {what}", text(&schedule["name"]));
    println!("{} {}: {}", text(&schedule["cron"]), text(&schedule["time_zone"]), text(&schedule["description"]));
    println!("overlap {}, misfire {}", text(&schedule["overlap"]), text(&schedule["misfire"]));
    if schedule["source"].is_object() {
        let [repo, path, commit] = ["repo", "path", "commit_sha"].map(|name| text(&schedule["source"][name]));
        println!("declared by {path} of {repo}, as of {}", commit.chars().take(7).collect::<String>());
    }
    if schedule["paused"] == true {
        println!("paused; `mlsys schedules resume {}` has it fire again", text(&schedule["name"]));
        return;
    }
    println!("next:");
    moments(&schedule["next_firings"], &zone_of(schedule)).for_each(|moment| println!("  {moment}"));
}

pub(super) fn print_firings(firings: &[Value], zone: &TimeZone) {
    if firings.is_empty() {
        println!("it has not fired yet");
        return;
    }
    let rows = firings.iter().map(|firing| {
        let began = ["batch_id", "pipeline_id"].iter().find_map(|name| firing[name].as_str()).unwrap_or("-");
        [
            shown(&firing["scheduled_for"], zone).unwrap_or_default(),
            text(&firing["cause"]),
            text(&firing["status"]),
            began.to_owned(),
            firing["reason"].as_str().unwrap_or_default().to_owned(),
        ]
    });
    table::print(["FOR", "CAUSE", "STATUS", "BEGAN", "REASON"], rows);
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
