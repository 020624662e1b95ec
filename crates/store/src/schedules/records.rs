//! Schedules: how they are made, changed and listed.

use contract::{CommitSha, Misfire, ModelName, Overlap, RepoName, ScheduleId, ScheduleKind, Scope, TaskPayload};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, any::AnyRow};

use super::{
    Firing, Schedules,
    firings::{FIRING, firing},
};
use crate::{
    NewTask, StoreError,
    db::{
        database::Write,
        fields::{Fields, json, text},
        scope,
        texts::Texts,
    },
    tasks,
};

/// The file that declares a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The repository that it is in.
    pub repo: RepoName,
    /// Its path there.
    pub path: String,
    /// The commit that was read when the schedule became as it is.
    pub commit: CommitSha,
}

/// A schedule to be made.
#[derive(Debug, Clone)]
pub struct NewSchedule<'a> {
    /// Its name; no other has it.
    pub name: &'a str,
    /// What it has done.
    pub kind: ScheduleKind,
    /// All that has to be known for that.
    pub work: &'a Value,
    /// The model that it belongs to.
    pub model_name: Option<&'a ModelName>,
    /// The repository that it belongs to.
    pub repo: Option<&'a RepoName>,
    /// When it fires.
    pub cron: &'a str,
    /// In which time zone.
    pub time_zone: &'a str,
    /// What becomes of a firing while the one before runs.
    pub overlap: Overlap,
    /// What becomes of firings that nobody was there for.
    pub misfire: Misfire,
    /// The first firing; none: it is paused.
    pub next: Option<Timestamp>,
    /// Who made it.
    pub created_by: &'a str,
    /// The file that declares it; none: somebody makes it by hand.
    pub source: Option<&'a Source>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its number.
    pub id: ScheduleId,
    /// Its name.
    pub name: String,
    /// What it has done.
    pub kind: ScheduleKind,
    /// All that has to be known for that.
    pub work: Value,
    /// The model that it belongs to.
    pub model_name: Option<ModelName>,
    /// The repository that it belongs to.
    pub repo: Option<RepoName>,
    /// When it fires.
    pub cron: String,
    /// In which time zone.
    pub time_zone: String,
    /// What becomes of a firing while the one before runs.
    pub overlap: Overlap,
    /// What becomes of firings that nobody was there for.
    pub misfire: Misfire,
    /// The next firing; none: it is paused.
    pub next: Option<Timestamp>,
    /// The newest firing.
    pub last: Option<Firing>,
    /// How many firings wait, or run.
    pub open: u64,
    /// Who made it.
    pub created_by: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// When it was last changed by somebody.
    pub changed_at: Timestamp,
    /// The file that declares it; none: it was made by hand.
    pub source: Option<Source>,
}

/// What somebody changes of a schedule; the rest stays.
#[derive(Debug, Clone)]
pub struct ScheduleChange<'a> {
    /// All that has to be known for what it has done.
    pub work: &'a Value,
    /// When it fires.
    pub cron: &'a str,
    /// In which time zone.
    pub time_zone: &'a str,
    /// What becomes of a firing while the one before runs.
    pub overlap: Overlap,
    /// What becomes of firings that nobody was there for.
    pub misfire: Misfire,
    /// The next firing, if another one is now; `Some(None)`: it is paused.
    pub next: Option<Option<Timestamp>>,
    /// The file that says so, if one does.
    pub source: Option<&'a Source>,
}

/// Which schedules are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScheduleFilter<'a> {
    /// Of which kind.
    pub kind: Option<ScheduleKind>,
    /// Of which model.
    pub model: Option<&'a ModelName>,
    /// Of a name after this one.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
}

impl Schedules {
    /// Makes a schedule. [`StoreError::Conflict`] if another has its name.
    pub async fn create(&self, new: NewSchedule<'_>) -> Result<Schedule, StoreError> {
        let mut write = self.database.write().await?;
        let Some(id) = insert(&mut write, &new).await? else {
            write.undo().await?;
            return Err(StoreError::Conflict);
        };
        write.commit().await?;
        self.get(id).await?.ok_or(StoreError::NotFound)
    }

    /// A schedule.
    pub async fn get(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let sql = select("s.id = $1");
        let row = self.database.optional(sqlx::query(AssertSqlSafe(sql)).bind(id.to_string())).await?;
        row.as_ref().map(schedule).transpose()
    }

    /// The schedules of a scope by name, and whether there are more.
    pub async fn list(&self, scope: &Scope, filter: ScheduleFilter<'_>) -> Result<(Vec<Schedule>, bool), StoreError> {
        let (dialect, mut texts) = (self.database.dialect, Texts::after(4));
        let theirs = match scope {
            Scope::Only { .. } => {
                let of_model = scope::has_model(dialect, scope, "COALESCE(s.model_name, '')", &mut texts);
                let of_repo = scope::has_repo(dialect, scope, "COALESCE(s.repo, '')", &mut texts);
                format!("({of_model} OR {of_repo})")
            }
            Scope::Everything => scope::ALL.to_owned(),
        };
        let of = "s.name > $1 AND (s.model_name = $2 OR $2 = '') AND (s.kind = $3 OR $3 = '')";
        let sql = format!("{} ORDER BY s.name LIMIT $4", select(&format!("{of} AND {theirs}")));
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(filter.after.map(text).unwrap_or_default())
            .bind(filter.model.map(ToString::to_string).unwrap_or_default())
            .bind(filter.kind.map_or("", ScheduleKind::as_str))
            .bind(i64::try_from(filter.limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows = self.database.all(texts.bind(query)).await?;
        let mut found = rows.iter().map(schedule).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > filter.limit;
        found.truncate(filter.limit);
        Ok((found, more))
    }

    /// Changes a schedule that is still as it was found. [`StoreError::Conflict`] if somebody else changed it since, or it is gone.
    pub async fn change(&self, found: &Schedule, change: ScheduleChange<'_>) -> Result<Schedule, StoreError> {
        let mut write = self.database.write().await?;
        wake(&mut write, found.id).await?;
        if !update(&mut write, found, &change).await? {
            write.undo().await?;
            return Err(StoreError::Conflict);
        }
        write.commit().await?;
        self.get(found.id).await?.ok_or(StoreError::NotFound)
    }

    /// Forgets a schedule and its firings; what they began goes on. [`StoreError::NotFound`] if there is none.
    pub async fn remove(&self, id: ScheduleId) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        // Its task finds nothing, and ends.
        wake(&mut write, id).await?;
        if !delete(&mut write, id).await? {
            write.undo().await?;
            return Err(StoreError::NotFound);
        }
        write.commit().await
    }

    /// Sees to it that each schedule has a task that looks after it, whatever became of the one before; answers how many had none.
    pub async fn plan(&self) -> Result<usize, StoreError> {
        let orphans = sqlx::query(
            "SELECT s.id FROM schedules s WHERE NOT EXISTS (
                 SELECT 1 FROM tasks t WHERE t.unique_key = 'schedule ' || s.id AND t.status IN ('queued', 'running'))",
        );
        let orphans = self.database.all(orphans).await?;
        for row in &orphans {
            let mut write = self.database.write().await?;
            wake(&mut write, Fields(row).parsed("id")?).await?;
            write.commit().await?;
        }
        Ok(orphans.len())
    }

    /// The moment, as all processes have it.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        let sql = format!("SELECT {} AS now", self.database.dialect.clock());
        let row = self.database.optional(sqlx::query(AssertSqlSafe(sql))).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).time("now")
    }
}

/// Has a schedule looked at soon. It comes first in each write: whoever looks after it has the task locked, and then the schedule and its
/// firings; the other way round, both would wait for each other.
pub(super) async fn wake(write: &mut Write, id: ScheduleId) -> Result<(), StoreError> {
    let key = Some(format!("schedule {id}"));
    // It is never given up: whatever fails is noted of its firing.
    let task = NewTask { key, max_attempts: u32::MAX, ..NewTask::soon(TaskPayload::Schedule(id)) };
    tasks::create_or_wake(write, &task).await
}

/// Adds a schedule; none if another has its name.
pub(super) async fn insert(write: &mut Write, new: &NewSchedule<'_>) -> Result<Option<ScheduleId>, StoreError> {
    let id = ScheduleId::generate();
    let insert = sqlx::query(
        "INSERT INTO schedules (id, name, kind, work, model_name, repo, cron, time_zone, overlap, misfire, next_at,
             created_by, created_at, changed_at, source_repo, source_path, source_commit)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $16) ON CONFLICT (name) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(text(new.name))
    .bind(new.kind.as_str())
    .bind(json(new.work)?)
    .bind(new.model_name.map(ToString::to_string))
    .bind(new.repo.map(ToString::to_string))
    .bind(text(new.cron))
    .bind(text(new.time_zone))
    .bind(new.overlap.as_str())
    .bind(new.misfire.as_str())
    .bind(new.next.map(Timestamp::as_millisecond))
    .bind(text(new.created_by))
    .bind(write.now)
    .bind(new.source.map(|source| source.repo.to_string()))
    .bind(new.source.map(|source| text(&source.path)))
    .bind(new.source.map(|source| source.commit.to_string()));
    if write.run(insert).await? == 0 {
        return Ok(None);
    }
    wake(write, id).await?;
    Ok(Some(id))
}

/// Changes a schedule, whose task is woken, if it is still as it was found.
pub(super) async fn update(write: &mut Write, found: &Schedule, change: &ScheduleChange<'_>) -> Result<bool, StoreError> {
    let before = found.changed_at.as_millisecond();
    let update = sqlx::query(
        "UPDATE schedules SET work = $3, cron = $4, time_zone = $5, overlap = $6, misfire = $7, changed_at = $8,
             next_at = CASE WHEN $9 = 1 THEN $10 ELSE next_at END, source_path = COALESCE($11, source_path),
             source_commit = COALESCE($12, source_commit)
         WHERE id = $1 AND changed_at = $2",
    )
    .bind(found.id.to_string())
    .bind(before)
    .bind(json(change.work)?)
    .bind(text(change.cron))
    .bind(text(change.time_zone))
    .bind(change.overlap.as_str())
    .bind(change.misfire.as_str())
    // Two changes have two times, however fast they come.
    .bind(write.now.max(before + 1))
    .bind(i64::from(change.next.is_some()))
    .bind(change.next.flatten().map(Timestamp::as_millisecond))
    .bind(change.source.map(|source| text(&source.path)))
    .bind(change.source.map(|source| source.commit.to_string()));
    Ok(write.run(update).await? > 0)
}

/// Removes a schedule, whose task is woken, and its firings, if it is there.
pub(super) async fn delete(write: &mut Write, id: ScheduleId) -> Result<bool, StoreError> {
    let removed = write.run(sqlx::query("DELETE FROM schedules WHERE id = $1").bind(id.to_string())).await?;
    write.run(sqlx::query("DELETE FROM firings WHERE schedule_id = $1").bind(id.to_string())).await?;
    Ok(removed > 0)
}

pub(super) fn select(condition: &str) -> String {
    let open = "SELECT COUNT(*) FROM firings f WHERE f.schedule_id = s.id AND f.status IN ('waiting', 'running')";
    let newest = "SELECT n.id FROM firings n WHERE n.schedule_id = s.id AND n.status <> 'waiting'
         ORDER BY n.scheduled_for DESC, n.id DESC LIMIT 1";
    // Named apart from the schedule's own columns.
    let last: Vec<_> = FIRING.iter().map(|column| format!("l.{column} AS last_{column}")).collect();
    format!(
        "SELECT s.id, s.name, s.kind, s.work, s.model_name, s.repo, s.cron, s.time_zone, s.overlap, s.misfire, s.next_at,
             s.created_by, s.created_at, s.changed_at, s.source_repo, s.source_path, s.source_commit, ({open}) AS open, {}
         FROM schedules s LEFT JOIN firings l ON l.id = ({newest}) WHERE {condition}",
        last.join(", ")
    )
}

pub(super) fn schedule(row: &AnyRow) -> Result<Schedule, StoreError> {
    let fields = Fields(row);
    let source = match fields.parsed_option("source_repo")? {
        Some(repo) => Some(Source { repo, path: fields.get("source_path")?, commit: fields.parsed("source_commit")? }),
        None => None,
    };
    let last = fields.get::<Option<String>>("last_id")?.map(|_| firing(row, "last_")).transpose()?;
    Ok(Schedule {
        id: fields.parsed("id")?,
        name: fields.get("name")?,
        kind: fields.word("kind", ScheduleKind::from_word)?,
        work: fields.json("work")?,
        model_name: fields.parsed_option("model_name")?,
        repo: fields.parsed_option("repo")?,
        cron: fields.get("cron")?,
        time_zone: fields.get("time_zone")?,
        overlap: fields.word("overlap", Overlap::from_word)?,
        misfire: fields.word("misfire", Misfire::from_word)?,
        next: fields.time_option("next_at")?,
        last,
        open: fields.count("open")?,
        created_by: fields.get("created_by")?,
        created_at: fields.time("created_at")?,
        changed_at: fields.time("changed_at")?,
        source,
    })
}
