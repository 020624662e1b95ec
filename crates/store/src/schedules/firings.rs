//! What became of each firing.

use contract::{BatchId, FiringCause, FiringId, FiringStatus, PipelineId, ScheduleId};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, any::AnyRow};

use super::{Schedules, records::wake};
use crate::{
    StoreError,
    db::{
        database::Write,
        fields::{Fields, text},
    },
};

/// The columns of a firing.
pub(super) const FIRING: [&str; 12] = [
    "id",
    "schedule_id",
    "scheduled_for",
    "cause",
    "status",
    "reason",
    "batch_id",
    "pipeline_id",
    "created_at",
    "tried_at",
    "started_at",
    "finished_at",
];

/// One firing of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Its number.
    pub id: FiringId,
    /// Of which schedule.
    pub schedule: ScheduleId,
    /// The moment that it stands for.
    pub scheduled_for: Timestamp,
    /// Why there is one.
    pub cause: FiringCause,
    /// How far it is.
    pub status: FiringStatus,
    /// Why it failed or was left out.
    pub reason: Option<String>,
    /// The batch prediction that it began.
    pub batch: Option<BatchId>,
    /// The pipeline that it began.
    pub pipeline: Option<PipelineId>,
    /// When it was noted.
    pub created_at: Timestamp,
    /// When it could not be begun, for the first time.
    pub tried_at: Option<Timestamp>,
    /// When what it began was begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Schedules {
    /// Has a schedule fire now, whatever it is that it would fire at. [`StoreError::NotFound`] if there is none, [`StoreError::Conflict`]
    /// if too many wait already.
    pub async fn run_now(&self, schedule: ScheduleId) -> Result<Firing, StoreError> {
        let mut write = self.database.write().await?;
        wake(&mut write, schedule).await?;
        known(&mut write, schedule).await?;
        has_room(&mut write, schedule, 1).await?;
        let new = New { cause: FiringCause::Manual, status: FiringStatus::Waiting, reason: None };
        let now = Timestamp::from_millisecond(write.now).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let id = add(&mut write, schedule, now, &new).await?.ok_or(StoreError::Conflict)?;
        write.commit().await?;
        self.firing(id).await?.ok_or(StoreError::NotFound)
    }

    /// Has a schedule fire for moments that are past, but for those that it fired for. Answers for how many it will.
    /// [`StoreError::NotFound`] if there is none, [`StoreError::Conflict`] if too many wait already.
    pub async fn back_fill(&self, schedule: ScheduleId, moments: &[Timestamp]) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        wake(&mut write, schedule).await?;
        known(&mut write, schedule).await?;
        has_room(&mut write, schedule, moments.len()).await?;
        let new = New { cause: FiringCause::Backfill, status: FiringStatus::Waiting, reason: None };
        let mut made = 0;
        for moment in moments {
            // What was left out, or ended badly, is wanted now.
            let again = sqlx::query(
                "UPDATE firings SET cause = 'backfill', status = 'waiting', reason = NULL, batch_id = NULL, pipeline_id = NULL,
                     tried_at = NULL, started_at = NULL, finished_at = NULL
                 WHERE schedule_id = $1 AND scheduled_for = $2 AND cause <> 'manual'
                     AND status IN ('skipped', 'failed', 'cancelled')",
            );
            made += write.run(again.bind(schedule.to_string()).bind(moment.as_millisecond())).await?;
            made += u64::from(add(&mut write, schedule, *moment, &new).await?.is_some());
        }
        write.commit().await?;
        Ok(made)
    }

    /// Of these moments, those that [`Schedules::back_fill`] would do nothing for.
    pub async fn fired(&self, schedule: ScheduleId, from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        let query = sqlx::query(
            "SELECT scheduled_for FROM firings WHERE schedule_id = $1 AND scheduled_for >= $2 AND scheduled_for < $3
                 AND cause <> 'manual' AND status IN ('waiting', 'running', 'succeeded')",
        );
        let query = query.bind(schedule.to_string()).bind(from.as_millisecond()).bind(to.as_millisecond());
        self.database.all(query).await?.iter().map(|row| Fields(row).time("scheduled_for")).collect()
    }

    /// Ends the firings of a schedule that wait. Answers how many, and those that run.
    pub async fn cancel_waiting(&self, schedule: ScheduleId) -> Result<(u64, Vec<Firing>), StoreError> {
        let mut write = self.database.write().await?;
        wake(&mut write, schedule).await?;
        // Both conditions: by the first, the index of those that are open is found.
        let cancel = sqlx::query(
            "UPDATE firings SET status = 'cancelled', finished_at = $2
             WHERE schedule_id = $1 AND status IN ('waiting', 'running') AND status = 'waiting'",
        );
        let cancelled = write.run(cancel.bind(schedule.to_string()).bind(write.now)).await?;
        write.commit().await?;
        Ok((cancelled, self.open(schedule).await?))
    }

    /// The firings of a schedule that run or wait, in the order of their turns: what is asked for the past comes after the rest.
    pub async fn open(&self, schedule: ScheduleId) -> Result<Vec<Firing>, StoreError> {
        let order =
            "CASE status WHEN 'running' THEN 0 ELSE 1 END, CASE cause WHEN 'backfill' THEN 1 ELSE 0 END, scheduled_for, id";
        self.found(&format!("schedule_id = $1 AND status IN ('waiting', 'running') ORDER BY {order}"), &schedule.to_string())
            .await
    }

    /// A firing.
    pub async fn firing(&self, id: FiringId) -> Result<Option<Firing>, StoreError> {
        Ok(self.found("id = $1", &id.to_string()).await?.pop())
    }

    /// The firings of a schedule, those for the latest moments first, and whether there are more.
    pub async fn firings(
        &self,
        schedule: ScheduleId,
        after: Option<FiringId>,
        limit: usize,
    ) -> Result<(Vec<Firing>, bool), StoreError> {
        let sql = format!(
            "SELECT {} FROM firings WHERE schedule_id = $1
                 AND ($2 = '' OR (scheduled_for, id) < (SELECT a.scheduled_for, a.id FROM firings a WHERE a.id = $2))
             ORDER BY scheduled_for DESC, id DESC LIMIT $3",
            FIRING.join(", ")
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(schedule.to_string())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows = self.database.all(query).await?;
        let mut found = rows.iter().map(|row| firing(row, "")).collect::<Result<Vec<_>, _>>()?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// How long firings are kept that ended. What is older can't be asked for again: whether it fired is not known any more.
    pub const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

    /// Forgets firings that ended longer ago than [`Schedules::KEPT`], at most so many; answers how many.
    pub async fn forget(&self, limit: u32) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let before = write.now.saturating_sub(i64::try_from(Self::KEPT.as_millis()).unwrap_or(i64::MAX));
        let delete = sqlx::query(
            "DELETE FROM firings WHERE id IN (SELECT id FROM firings WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)",
        );
        let forgotten = write.run(delete.bind(before).bind(i64::from(limit))).await?;
        write.commit().await?;
        Ok(forgotten)
    }

    async fn found(&self, condition: &str, id: &str) -> Result<Vec<Firing>, StoreError> {
        let sql = format!("SELECT {} FROM firings WHERE {condition}", FIRING.join(", "));
        let rows = self.database.all(sqlx::query(AssertSqlSafe(sql)).bind(id)).await?;
        rows.iter().map(|row| firing(row, "")).collect()
    }
}

/// How many firings of a schedule may wait.
const MOST_WAITING: u64 = 2_000;

/// [`StoreError::Conflict`] if with so many more there would be too many firings that wait.
async fn has_room(write: &mut Write, schedule: ScheduleId, more: usize) -> Result<(), StoreError> {
    let query = "SELECT COUNT(*) AS n FROM firings WHERE schedule_id = $1 AND status IN ('waiting', 'running')";
    let row = write.one(sqlx::query(query).bind(schedule.to_string())).await?;
    let open: u64 = Fields(&row).count("n")?;
    if open + more as u64 > MOST_WAITING { Err(StoreError::Conflict) } else { Ok(()) }
}

/// A firing to be noted.
pub(super) struct New<'a> {
    pub(super) cause: FiringCause,
    pub(super) status: FiringStatus,
    pub(super) reason: Option<&'a str>,
}

/// Notes a firing, unless there is one for that moment.
pub(super) async fn add(
    write: &mut Write,
    schedule: ScheduleId,
    moment: Timestamp,
    new: &New<'_>,
) -> Result<Option<FiringId>, StoreError> {
    let id = FiringId::generate();
    let insert = sqlx::query(
        "INSERT INTO firings (id, schedule_id, scheduled_for, cause, status, reason, created_at, finished_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $5 = 'waiting' THEN NULL ELSE $7 END)
         ON CONFLICT (schedule_id, scheduled_for) WHERE cause <> 'manual' DO NOTHING",
    )
    .bind(id.to_string())
    .bind(schedule.to_string())
    .bind(moment.as_millisecond())
    .bind(new.cause.as_str())
    .bind(new.status.as_str())
    .bind(new.reason.map(text))
    .bind(write.now);
    Ok((write.run(insert).await? > 0).then_some(id))
}

/// [`StoreError::NotFound`] if there is no such schedule; it stays till the write's end.
pub(super) async fn known(write: &mut Write, schedule: ScheduleId) -> Result<(), StoreError> {
    let sql = format!("SELECT id FROM schedules WHERE id = $1{}", write.dialect.locked());
    write.one(sqlx::query(AssertSqlSafe(sql)).bind(schedule.to_string())).await.map(drop)
}

/// A firing out of a row whose columns' names begin so.
pub(super) fn firing(row: &AnyRow, prefix: &str) -> Result<Firing, StoreError> {
    let fields = Fields(row);
    let column = |name: &str| format!("{prefix}{name}");
    Ok(Firing {
        id: fields.parsed(&column("id"))?,
        schedule: fields.parsed(&column("schedule_id"))?,
        scheduled_for: fields.time(&column("scheduled_for"))?,
        cause: fields.word(&column("cause"), FiringCause::from_word)?,
        status: fields.word(&column("status"), FiringStatus::from_word)?,
        reason: fields.get(&column("reason"))?,
        batch: fields.parsed_option(&column("batch_id"))?,
        pipeline: fields.parsed_option(&column("pipeline_id"))?,
        created_at: fields.time(&column("created_at"))?,
        tried_at: fields.time_option(&column("tried_at"))?,
        started_at: fields.time_option(&column("started_at"))?,
        finished_at: fields.time_option(&column("finished_at"))?,
    })
}
