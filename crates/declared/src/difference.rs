//! What is to be done so that a repository's schedules are as its files say.

use std::collections::{BTreeMap, btree_map::Entry};

use contract::{CommitSha, Misfire, Overlap, RepoName};
use jiff::Timestamp;
use pipeline::schedule::Cron;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{
    DeclaredChange, NewAuditEntry, NewSchedule, ReadFiles, Schedule, ScheduleChange, Source, Store, StoreError, TaskLease,
};
use utoipa::ToSchema;

use crate::{Data, Declared, File, Problem, Work, allowed::refusal, schedules::When};

/// Whose files they are.
#[derive(Debug, Clone, Copy)]
pub struct Repository<'a> {
    /// Its name.
    pub name: &'a RepoName,
    /// The branch that they are of.
    pub branch: &'a str,
    /// Which data they may have read and written.
    pub data: &'a Data,
}

/// What is to be done. Where there are problems, that is nothing.
#[derive(Debug)]
pub struct Difference {
    changes: Vec<Change>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

#[derive(Debug)]
enum Change {
    Create(Wanted),
    /// And what of it is another.
    Alter(Box<Schedule>, Wanted, Vec<String>),
    Remove(Box<Schedule>),
}

/// A schedule as a file declares it.
#[derive(Debug)]
struct Wanted {
    name: String,
    path: String,
    work: Work,
    kept: Value,
    when: When,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeclaredReport)]
pub struct Report {
    /// The schedules that are another than before; none where something is wrong.
    pub changes: Vec<Done>,
    /// What is wrong: until it is corrected, everything stays as it is.
    pub problems: Vec<Problem>,
}

/// What is done with a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeclaredChange)]
pub struct Done {
    /// What.
    pub what: DoneWhat,
    /// The schedule's name.
    pub name: String,
    /// The file that declares it, or did.
    pub file: String,
    /// When it fires, or what of it changes.
    pub detail: String,
}

/// What is done with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DeclaredChangeKind)]
pub enum DoneWhat {
    /// It is made.
    Created,
    /// It changes.
    Changed,
    /// It goes.
    Removed,
}

/// Compares what files declare with what there is of them. Without files, all goes that they declared.
///
/// # Errors
/// The store's.
pub async fn difference(
    store: &Store,
    repository: Repository<'_>,
    files: &[(String, File)],
) -> Result<Difference, StoreError> {
    let mut problems = Vec::new();
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut declared = Vec::new();
    for (path, file) in files {
        declared.extend(file.schedules.iter().map(|schedule| (path, schedule)));
    }
    for (path, schedule) in declared {
        let work = schedule.work(repository.name, repository.branch);
        let owner = match work.model() {
            Some(model) => store.serving.owner(model).await?,
            None => None,
        };
        if let Some((problem, fix)) = refusal(repository.name, repository.data, owner.as_ref(), &work) {
            problems.push(at(path, schedule, problem, fix));
            continue;
        }
        let name = schedule.when.name.clone().unwrap_or_else(|| work.default_name());
        let kept = work.kept().map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let new = Wanted { name: name.clone(), path: path.clone(), work, kept, when: schedule.when.clone() };
        if let Some(problem) = clash(store, repository.name, &name).await? {
            problems.push(at(path, schedule, problem, "choose another name, or remove that one".to_owned()));
        }
        match wanted.entry(name) {
            Entry::Vacant(free) => drop(free.insert(new)),
            Entry::Occupied(taken) => {
                let problem = format!("a schedule of {} is called {} already", taken.get().path, taken.key());
                problems.push(at(path, schedule, problem, "give one of them another name".to_owned()));
            }
        }
    }
    if !problems.is_empty() {
        return Ok(Difference { changes: Vec::new(), problems });
    }
    let mut changes = Vec::new();
    for found in store.schedules.declared(repository.name).await? {
        let Some(new) = wanted.remove(&found.name) else {
            changes.push(Change::Remove(Box::new(found)));
            continue;
        };
        let same = new.work.kind() == found.kind
            && new.work.model() == found.model_name.as_ref()
            && new.work.repo() == found.repo.as_ref();
        if same {
            let told = differences(&found, &new);
            if !told.is_empty() {
                changes.push(Change::Alter(Box::new(found), new, told));
            }
        } else {
            // A schedule stays with its kind, and with its model or repository: what fired is not of this one.
            changes.push(Change::Remove(Box::new(found)));
            changes.push(Change::Create(new));
        }
    }
    changes.extend(wanted.into_values().map(Change::Create));
    Ok(Difference { changes, problems })
}

/// Why a name can't be had, if so.
async fn clash(store: &Store, repo: &RepoName, name: &str) -> Result<Option<String>, StoreError> {
    let Some(found) = store.schedules.of_name(name).await? else { return Ok(None) };
    Ok(match &found.source {
        Some(source) if source.repo == *repo => None,
        // Which one, not everybody may know who may read this.
        Some(_) => Some(format!("another schedule is called {name}: another repository declares it")),
        None => Some(format!("another schedule is called {name}: it was made by hand")),
    })
}

fn at(path: &str, schedule: &Declared, problem: String, fix: String) -> Problem {
    let (line, column) = schedule.at;
    Problem { file: path.to_owned(), line: Some(line), column: Some(column), problem, fix }
}

/// What of a schedule is another now, in words.
fn differences(found: &Schedule, new: &Wanted) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, before: String, after: String| {
        if before != after {
            told.push(format!("{what}: {before} → {after}"));
        }
    };
    let When { cron, time_zone, overlap, misfire, paused, .. } = &new.when;
    tell("cron", found.cron.clone(), cron.clone());
    tell("time_zone", found.time_zone.clone(), time_zone.clone());
    tell("overlap", found.overlap.to_string(), overlap.to_string());
    tell("misfire", found.misfire.to_string(), misfire.to_string());
    let was_paused = found.next.is_none();
    tell("paused", was_paused.to_string(), paused.unwrap_or(was_paused).to_string());
    let nothing = serde_json::Map::new();
    let [before, after] = [&found.work, &new.kept].map(|work| work.as_object().unwrap_or(&nothing));
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), shown);
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        tell(name, shown(before.get(name)), shown(after.get(name)));
    }
    let path = found.source.as_ref().map(|source| source.path.clone()).unwrap_or_default();
    tell("file", path, new.path.clone());
    told
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How a schedule is told of.
fn told(cron: &str, time_zone: &str, overlap: Overlap, misfire: Misfire, paused: bool) -> String {
    let paused = if paused { ", paused" } else { "" };
    format!("{cron} {time_zone}, overlap {overlap}, misfire {misfire}{paused}")
}

impl Wanted {
    fn told(&self) -> String {
        let When { cron, time_zone, overlap, misfire, paused, .. } = &self.when;
        told(cron, time_zone, *overlap, *misfire, paused.unwrap_or_default())
    }

    /// The next firing; none: it is paused, or what is said of when can't be read, which the file's reader would have told.
    fn following(&self, now: Timestamp) -> Option<Timestamp> {
        Cron::parse(&self.when.cron, &self.when.time_zone).ok()?.after(now).next()
    }
}

impl Difference {
    /// It in words.
    #[must_use]
    pub fn report(&self) -> Report {
        let changes = self.changes.iter().map(|change| match change {
            Change::Create(new) => {
                Done { what: DoneWhat::Created, name: new.name.clone(), file: new.path.clone(), detail: new.told() }
            }
            Change::Alter(found, new, told) => {
                Done { what: DoneWhat::Changed, name: found.name.clone(), file: new.path.clone(), detail: told.join(", ") }
            }
            Change::Remove(found) => Done {
                what: DoneWhat::Removed,
                name: found.name.clone(),
                file: found.source.as_ref().map(|source| source.path.clone()).unwrap_or_default(),
                detail: told_of(found),
            },
        });
        Report { changes: changes.collect(), problems: self.problems.clone() }
    }

    /// Does it, all or nothing, in the name of a task's lease, and writes down what was done.
    ///
    /// # Errors
    /// The store's. [`StoreError::Conflict`]: something is another by now; compare again.
    pub async fn apply(&self, store: &Store, lease: &TaskLease, files: ReadFiles<'_>) -> Result<Report, StoreError> {
        let now = store.schedules.now().await?;
        let report = self.report();
        let source = |path: &str| {
            let commit = files.commit.cloned().unwrap_or_else(CommitSha::null);
            Source { repo: files.repo.clone(), path: path.to_owned(), commit }
        };
        let sources: Vec<_> = report.changes.iter().map(|done| source(&done.file)).collect();
        let by = files.commit.map_or_else(|| files.repo.to_string(), |commit| format!("{}@{}", files.repo, commit.short()));
        let changes: Vec<_> =
            self.changes.iter().zip(&sources).map(|(change, source)| declared(change, source, &by, now)).collect();
        let audit = self.changes.iter().zip(&report.changes).map(|(change, done)| audited(change, done, files)).collect();
        let kept = serde_json::to_value(&report).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        store.schedules.apply(lease, files, &changes, &kept, audit).await?;
        Ok(report)
    }
}

/// As the store is asked.
fn declared<'a>(change: &'a Change, source: &'a Source, by: &'a str, now: Timestamp) -> DeclaredChange<'a> {
    match change {
        Change::Create(new) => DeclaredChange::Create(NewSchedule {
            name: &new.name,
            kind: new.work.kind(),
            work: &new.kept,
            model_name: new.work.model(),
            repo: new.work.repo(),
            cron: &new.when.cron,
            time_zone: &new.when.time_zone,
            overlap: new.when.overlap,
            misfire: new.when.misfire,
            next: if new.when.paused == Some(true) { None } else { new.following(now) },
            created_by: by,
            source: Some(source),
        }),
        Change::Alter(found, new, _) => {
            let was_paused = found.next.is_none();
            let is_another_time = new.when.cron != found.cron || new.when.time_zone != found.time_zone;
            let next = match (new.when.paused.unwrap_or(was_paused), was_paused) {
                (true, true) => None,
                (true, false) => Some(None),
                (false, false) if !is_another_time => None,
                (false, _) => Some(new.following(now)),
            };
            let change = ScheduleChange {
                work: &new.kept,
                cron: &new.when.cron,
                time_zone: &new.when.time_zone,
                overlap: new.when.overlap,
                misfire: new.when.misfire,
                next,
                source: Some(source),
            };
            DeclaredChange::Change(found, change)
        }
        Change::Remove(found) => DeclaredChange::Remove(found),
    }
}

/// The entry of the audit log: the commit as who, the file as from where.
fn audited(change: &Change, done: &Done, files: ReadFiles<'_>) -> NewAuditEntry {
    let (before, model) = match change {
        Change::Create(new) => (None, new.work.model()),
        Change::Alter(found, ..) | Change::Remove(found) => (Some(told_of(found)), found.model_name.as_ref()),
    };
    let after = match change {
        Change::Create(new) => Some(new.told()),
        Change::Alter(..) => Some(done.detail.clone()),
        Change::Remove(_) => None,
    };
    NewAuditEntry {
        actor_kind: "push",
        actor: files.repo.to_string(),
        address: files.commit.map_or_else(|| done.file.clone(), |commit| format!("{}@{}", done.file, commit.short())),
        action: "schedules".to_owned(),
        object: format!("schedule {}", done.name),
        before,
        after,
        result: "done".to_owned(),
        repo: Some(files.repo.clone()),
        model: model.cloned(),
    }
}

fn told_of(found: &Schedule) -> String {
    told(&found.cron, &found.time_zone, found.overlap, found.misfire, found.next.is_none())
}
