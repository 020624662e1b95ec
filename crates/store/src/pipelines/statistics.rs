//! How the pipelines of the last days ended.

use contract::Scope;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::ToSchema;

use crate::{
    Pipelines, StoreError,
    db::{fields::Fields, scope, texts::Texts},
};

const DAY_MILLIS: i64 = 86_400_000;

/// What ended on a day, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DayStatistics {
    /// The day.
    pub date: Date,
    /// Pipelines that succeeded.
    pub succeeded: u64,
    /// Pipelines that failed.
    pub failed: u64,
    /// Pipelines that were cancelled.
    pub cancelled: u64,
    /// Pipelines whose notebooks had no tag.
    pub skipped: u64,
    /// Those that deployed their model.
    pub deployed: u64,
    /// How long one that succeeded took from its start, in the middle of all of them; null: none succeeded.
    #[schema(required)]
    pub median_seconds: Option<f64>,
}

impl Pipelines {
    /// What of a scope ended on each of the last so many days, oldest first; the last one is the day of `now`.
    pub async fn statistics(&self, scope: &Scope, now: Timestamp, days: u16) -> Result<Vec<DayStatistics>, StoreError> {
        let mut texts = Texts::after(2);
        let theirs = scope::covers(self.database.dialect, scope, ("repo", "model_name"), &mut texts);
        let today = now.as_millisecond().div_euclid(DAY_MILLIS);
        let first = today - i64::from(days) + 1;
        // The one or two in the middle have these places, with integers divided as integers.
        let sql = format!(
            "SELECT day,
                 CAST(SUM(CASE status WHEN 'succeeded' THEN 1 ELSE 0 END) AS BIGINT) AS succeeded,
                 CAST(SUM(CASE status WHEN 'failed' THEN 1 ELSE 0 END) AS BIGINT) AS failed,
                 CAST(SUM(CASE status WHEN 'cancelled' THEN 1 ELSE 0 END) AS BIGINT) AS cancelled,
                 CAST(SUM(CASE status WHEN 'skipped' THEN 1 ELSE 0 END) AS BIGINT) AS skipped,
                 CAST(SUM(deployed) AS BIGINT) AS deployed,
                 CAST(AVG(CASE WHEN status = 'succeeded' AND place IN ((alike + 1) / 2, (alike + 2) / 2) THEN took END)
                     AS DOUBLE PRECISION) AS median
             FROM (SELECT finished_at / 86400000 AS day, status, deployed, finished_at - started_at AS took,
                       ROW_NUMBER() OVER (PARTITION BY finished_at / 86400000, status ORDER BY finished_at - started_at)
                           AS place,
                       COUNT(*) OVER (PARTITION BY finished_at / 86400000, status) AS alike
                   FROM pipelines WHERE finished_at IS NOT NULL AND finished_at >= $1 AND finished_at < $2
                       AND {theirs}) AS ended
             GROUP BY day ORDER BY day",
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(first * DAY_MILLIS).bind((today + 1) * DAY_MILLIS);
        let rows = self.database.all(texts.bind(query)).await?;
        let mut ended = rows.iter().map(day).collect::<Result<Vec<_>, _>>()?.into_iter().peekable();
        (first..=today)
            .map(|number| {
                let date = date(number)?;
                Ok(ended.next_if(|day| day.date == date).unwrap_or_else(|| nothing(date)))
            })
            .collect()
    }
}

fn day(row: &AnyRow) -> Result<DayStatistics, StoreError> {
    let fields = Fields(row);
    Ok(DayStatistics {
        date: date(fields.get("day")?)?,
        succeeded: fields.count("succeeded")?,
        failed: fields.count("failed")?,
        cancelled: fields.count("cancelled")?,
        skipped: fields.count("skipped")?,
        deployed: fields.count("deployed")?,
        median_seconds: fields.get::<Option<f64>>("median")?.map(|millis| millis / 1000.0),
    })
}

fn nothing(date: Date) -> DayStatistics {
    DayStatistics { date, succeeded: 0, failed: 0, cancelled: 0, skipped: 0, deployed: 0, median_seconds: None }
}

/// The day with this number, counted from 1970-01-01.
fn date(number: i64) -> Result<Date, StoreError> {
    let start = Timestamp::from_millisecond(number.saturating_mul(DAY_MILLIS));
    Ok(start.map_err(|error| StoreError::Corrupt(error.to_string()))?.to_zoned(TimeZone::UTC).date())
}
