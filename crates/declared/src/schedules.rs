//! The half of a file that is about schedules.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use contract::{Misfire, Overlap, RepoName, Retraining};
use pipeline::schedule::Cron;
use serde::Deserialize;
use serde_json::{Map, Value};
use tables::BatchRequest;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Error, ValueDeserializer},
};

use crate::{
    Invalid, Work, check_name, check_policies,
    file::{Reader, a},
};

/// How many schedules one file may declare.
const MAX_SCHEDULES: usize = 100;
/// What any schedule may say; the rest is of its kind.
const OF_ANY: [&str; 7] = ["name", "kind", "cron", "time_zone", "overlap", "misfire", "paused"];

/// A schedule that a file declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// What it says whatever its kind.
    pub when: When,
    what: What,
    /// Where it begins in the file: the line and the letter.
    pub(crate) at: (usize, usize),
    /// Where its notebook is named.
    notebook_at: Range<usize>,
}

/// What any schedule says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Its name; none: it says what it does.
    pub name: Option<String>,
    /// What it has done.
    kind: Kind,
    /// When it fires.
    pub cron: String,
    /// In which time zone.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What becomes of a firing while the one before runs.
    #[serde(default = "skip")]
    pub overlap: Overlap,
    /// What becomes of firings that nobody was there for.
    #[serde(default = "once")]
    pub misfire: Misfire,
    /// Whether it fires; none: that is left to people.
    pub paused: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    BatchPrediction,
    Retraining,
    Retention,
    RegistryScan,
}

/// What is declared, as far as that does not depend on where the file is.
#[derive(Debug, Clone, PartialEq)]
enum What {
    Batch(Box<BatchRequest>),
    Retraining { notebook_path: String, parameters: Map<String, Value> },
}

/// What a file says of a notebook that runs: the repository is its own, and the branch the one that its files count on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notebook {
    notebook_path: String,
    #[serde(default)]
    parameters: Map<String, Value>,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn skip() -> Overlap {
    Overlap::Skip
}

fn once() -> Misfire {
    Misfire::Once
}

impl Declared {
    /// What it has done, in a repository of which this branch counts.
    pub fn work(&self, repo: &RepoName, branch: &str) -> Work {
        match &self.what {
            What::Batch(request) => Work::BatchPrediction((**request).clone()),
            What::Retraining { notebook_path, parameters } => Work::Retraining(Retraining {
                repo: repo.clone(),
                branch: branch.to_owned(),
                notebook_path: notebook_path.clone(),
                parameters: parameters.clone().into_iter().collect(),
            }),
        }
    }

    /// The notebook that runs, and where it is named.
    pub(crate) fn notebook(&self) -> Option<(&String, &Range<usize>)> {
        match &self.what {
            What::Batch(_) => None,
            What::Retraining { notebook_path, .. } => Some((notebook_path, &self.notebook_at)),
        }
    }
}

/// Reads all schedules of a file.
pub(crate) fn read<'t>(reader: &mut Reader<'t>, schedules: DeArray<'t>) -> Vec<Declared> {
    let mut all = Vec::new();
    for (number, schedule) in schedules.into_iter().enumerate() {
        let at = schedule.span();
        match schedule.into_inner() {
            _ if number == MAX_SCHEDULES => {
                let problem = format!("there are more than {MAX_SCHEDULES} schedules");
                reader.report(Some(at), problem, "declare the others in another folder's file");
                break;
            }
            DeValue::Table(table) => all.extend(one(reader, table, at)),
            other => {
                let problem = format!("a schedule must be a table, this is {}", a(&other));
                reader.report(Some(at), problem, "write [[schedules]], with two brackets, above each schedule");
            }
        }
    }
    all
}

/// Reads one, unless something is wrong with it.
fn one<'t>(reader: &mut Reader<'t>, table: DeTable<'t>, at: Range<usize>) -> Option<Declared> {
    let before = reader.problems.len();
    let spans: HashMap<String, Range<usize>> =
        table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span())).collect();
    for value in table.values() {
        plain(reader, value);
    }
    let (of_any, own): (DeTable<'t>, DeTable<'t>) =
        table.into_iter().partition(|(key, _)| OF_ANY.contains(&&**key.get_ref()));
    let when = when(reader, of_any, &at)?;
    let spot = |key: &str| Some(spans.get(key).cloned().unwrap_or_else(|| at.clone()));
    let what = match when.kind {
        Kind::BatchPrediction => part::<BatchRequest>(reader, own, &at).map(|request| What::Batch(Box::new(request))),
        Kind::Retraining => part::<Notebook>(reader, own, &at).map(|notebook| What::Retraining {
            notebook_path: reader.beside(&notebook.notebook_path),
            parameters: notebook.parameters,
        }),
        kind @ (Kind::Retention | Kind::RegistryScan) => {
            let (word, command) =
                if kind == Kind::Retention { ("retention", "retention") } else { ("registry_scan", "registry-scan") };
            let problem = format!("{word} is about all of mlsys, which a repository's file can't decide about");
            let fix = format!("remove it; whoever is an operator for everything makes it: mlsys schedules create {command}");
            reader.report(spot("kind"), problem, fix);
            None
        }
    };
    if let Some(Err(error)) = when.name.as_deref().map(check_name) {
        reader.report(spot("name"), error.to_string(), "choose another name, or none: it is given one by what it does");
    }
    if let Err(error) = Cron::parse(&when.cron, &when.time_zone) {
        let key = if matches!(error, pipeline::schedule::CronError::Zone(_)) { "time_zone" } else { "cron" };
        reader.report(
            spot(key),
            error.to_string(),
            "correct it; `mlsys schedules next PATTERN --time-zone ZONE` tells when it fires",
        );
    }
    if let Err(error) = check_policies(when.overlap, when.misfire) {
        reader.report(spot("overlap"), error.to_string(), "choose another overlap, or another misfire");
    }
    match &what {
        Some(What::Batch(request)) => {
            for (key, name) in [("input_table", &request.input_table), ("output_table", &request.output_table)] {
                if let Err(error) = name.parse::<warehouse::TableName>() {
                    reader.report(spot(key), error.to_string(), "name a table as project.dataset.table");
                }
            }
        }
        Some(What::Retraining { notebook_path, .. }) if !pipeline::is_notebook(notebook_path) => {
            let fix = "name a notebook by its path from the file's own folder, in that folder or below";
            reader.report(spot("notebook_path"), Invalid::NotebookPath.to_string(), fix);
        }
        Some(What::Retraining { .. }) | None => {}
    }
    let what = what.filter(|_| reader.problems.len() == before)?;
    let notebook_at = spans.get("notebook_path").cloned().unwrap_or_else(|| at.clone());
    Some(Declared { when, what, at: crate::file::place(reader.text, at.start), notebook_at })
}

fn when<'t>(reader: &mut Reader<'t>, table: DeTable<'t>, at: &Range<usize>) -> Option<When> {
    part(reader, table, at)
}

/// Some of a schedule's table.
fn part<'t, T: Deserialize<'t>>(reader: &mut Reader<'t>, table: DeTable<'t>, at: &Range<usize>) -> Option<T> {
    let value = Spanned::new(at.clone(), DeValue::Table(table));
    T::deserialize(ValueDeserializer::from(value)).map_err(|error| wrong(reader, &error, at)).ok()
}

fn wrong(reader: &mut Reader<'_>, error: &Error, at: &Range<usize>) {
    let message = error.message().trim();
    let span = error.span().unwrap_or_else(|| at.clone());
    let fix: Cow<'_, str> = match message.split('`').nth(1) {
        Some("cron") if message.starts_with("missing") => "add when it fires, as in cron = \"30 2 * * *\"".into(),
        Some("kind") if message.starts_with("missing") => "add kind = \"batch_prediction\" or kind = \"retraining\"".into(),
        Some(name) if message.starts_with("missing") => format!("add {name} = …").into(),
        Some("repo" | "branch") if message.starts_with("unknown") => {
            "remove it: the notebook is one of this repository, and of the branch that its files count on".into()
        }
        Some(_) if message.starts_with("unknown field") => {
            format!("correct its name, or remove it; any schedule may have {}", OF_ANY.join(", ")).into()
        }
        _ => "correct the value".into(),
    };
    reader.report(Some(span), message, fix);
}

/// Notes what JSON, as which parameters are kept, has no form for.
fn plain(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Datetime(_) => {
            reader.report(
                Some(value.span()),
                "dates and times have no form of their own here",
                "write it as a text, in quotes",
            );
        }
        DeValue::Float(number) if is_special(number.as_str()) => {
            reader.report(Some(value.span()), "nan and inf are no numbers that can be kept", "write a finite number");
        }
        DeValue::Array(items) => items.iter().for_each(|item| plain(reader, item)),
        DeValue::Table(table) => table.values().for_each(|item| plain(reader, item)),
        _ => {}
    }
}

fn is_special(number: &str) -> bool {
    number.ends_with("nan") || number.ends_with("inf")
}
