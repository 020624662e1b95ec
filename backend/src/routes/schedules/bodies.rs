//! What requests about schedules carry, and what they are answered.

use contract::{
    BatchId, CommitSha, FiringCause, FiringId, FiringStatus, Misfire, Overlap, PipelineId, RepoName, ScheduleId,
};
use declared::Work;
use jiff::Timestamp;
use pipeline::schedule::Cron;
use serde::{Deserialize, Serialize};
use service::ApiError;
use utoipa::ToSchema;

use crate::error::internal;

/// How many of the next firings are shown.
const NEXT: usize = 10;

/// A schedule to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSchedule {
    /// Its name, which no other has; none given: for batch predictions `{model}-predictions-{env}`.
    pub(super) name: Option<String>,
    pub(super) work: Work,
    /// When it fires: five fields, minute hour day month weekday; also `@daily` and the like, `L`, `#`, `W`.
    pub(super) cron: String,
    /// In which time zone of the IANA database.
    #[serde(default = "utc")]
    pub(super) time_zone: String,
    /// What becomes of a firing that comes while the one before still runs.
    #[serde(default = "skip")]
    pub(super) overlap: Overlap,
    /// What becomes of firings that no worker was there for.
    #[serde(default = "once")]
    pub(super) misfire: Misfire,
    /// Whether it does not fire yet.
    #[serde(default)]
    pub(super) paused: bool,
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

/// What is to change of a schedule; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchedulePatch {
    /// Of the same kind, for the same model or repository.
    pub(super) work: Option<Work>,
    pub(super) cron: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) overlap: Option<Overlap>,
    pub(super) misfire: Option<Misfire>,
    pub(super) paused: Option<bool>,
}

impl SchedulePatch {
    /// Whether anything is to change but whether it fires.
    pub(super) fn changes_more_than_pauses(&self) -> bool {
        let Self { work, cron, time_zone, overlap, misfire, paused: _ } = self;
        work.is_some() || cron.is_some() || time_zone.is_some() || overlap.is_some() || misfire.is_some()
    }
}

/// What happens at which times.
#[derive(Serialize, ToSchema)]
pub(crate) struct Schedule {
    pub(super) id: ScheduleId,
    pub(super) name: String,
    pub(super) work: Work,
    pub(super) cron: String,
    pub(super) time_zone: String,
    pub(super) overlap: Overlap,
    pub(super) misfire: Misfire,
    pub(super) paused: bool,
    /// The pattern in English; or why it can't be read any more.
    pub(super) description: String,
    /// The next ten firings; none while it is paused.
    pub(super) next_firings: Vec<Timestamp>,
    /// The firing for the latest moment, of those that don't wait.
    #[schema(required)]
    pub(super) last_firing: Option<Firing>,
    /// How many firings wait, or run.
    pub(super) waiting: u64,
    #[schema(required)]
    pub(super) created_by: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) changed_at: Timestamp,
    /// The file that declares it, and can alone change it; null: it was made by hand.
    #[schema(required)]
    pub(super) source: Option<ScheduleSource>,
}

/// The file that declares a schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScheduleSource {
    repo: RepoName,
    /// Its path there.
    path: String,
    /// The commit that made the schedule as it is.
    commit_sha: CommitSha,
}

impl Schedule {
    pub(super) fn of(schedule: store::Schedule) -> Result<Self, ApiError> {
        let work = Work::of(schedule.kind, &schedule.work).map_err(internal)?;
        let (description, next_firings) = match Cron::parse(&schedule.cron, &schedule.time_zone) {
            // It may be overdue: then it comes first.
            Ok(cron) => {
                let following = |next| std::iter::once(next).chain(cron.after(next)).take(NEXT).collect();
                (cron.describe(), schedule.next.map_or_else(Vec::new, following))
            }
            // It was read when it was made; by an earlier program.
            Err(error) => (error.to_string(), Vec::new()),
        };
        Ok(Self {
            id: schedule.id,
            name: schedule.name,
            work,
            description,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            overlap: schedule.overlap,
            misfire: schedule.misfire,
            paused: schedule.next.is_none(),
            next_firings,
            last_firing: schedule.last.map(Firing::of),
            waiting: schedule.open,
            created_by: schedule.created_by,
            created_at: schedule.created_at,
            changed_at: schedule.changed_at,
            source: schedule.source.map(|store::Source { repo, path, commit }| ScheduleSource {
                repo,
                path,
                commit_sha: commit,
            }),
        })
    }
}

/// One firing of a schedule.
#[derive(Serialize, ToSchema)]
pub(crate) struct Firing {
    id: FiringId,
    schedule_id: ScheduleId,
    /// The moment that it stands for.
    scheduled_for: Timestamp,
    cause: FiringCause,
    status: FiringStatus,
    /// Why it failed, was left out, or waits; or what is to be said of how it ended.
    #[schema(required)]
    reason: Option<String>,
    /// The batch prediction that it began.
    #[schema(required)]
    batch_id: Option<BatchId>,
    /// The pipeline that it began.
    #[schema(required)]
    pipeline_id: Option<PipelineId>,
    created_at: Timestamp,
    #[schema(required)]
    started_at: Option<Timestamp>,
    #[schema(required)]
    finished_at: Option<Timestamp>,
}

impl Firing {
    pub(super) fn of(firing: store::Firing) -> Self {
        Self {
            id: firing.id,
            schedule_id: firing.schedule,
            scheduled_for: firing.scheduled_for,
            cause: firing.cause,
            status: firing.status,
            reason: firing.reason,
            batch_id: firing.batch,
            pipeline_id: firing.pipeline,
            created_at: firing.created_at,
            started_at: firing.started_at,
            finished_at: firing.finished_at,
        }
    }
}

/// When a pattern fires next.
#[derive(Serialize, ToSchema)]
pub(crate) struct NextFirings {
    /// The pattern in English.
    pub(super) description: String,
    pub(super) next_firings: Vec<Timestamp>,
}

/// Which moments of the past a schedule is to fire for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackFill {
    /// From this moment on,
    pub(super) from: Timestamp,
    /// up to this one, which is not one of them.
    pub(super) to: Timestamp,
    /// Whether it is only looked how many that are.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// For which moments a schedule fires.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackFilled {
    /// How many: those that it fired for are not among them, unless that was left out or ended badly.
    pub(super) firings: u64,
    #[schema(required)]
    pub(super) first: Option<Timestamp>,
    #[schema(required)]
    pub(super) last: Option<Timestamp>,
}

/// What was ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct CancelledFirings {
    /// How many firings waited or ran.
    pub(super) cancelled: u64,
}

/// Which schedules.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ScheduleQuery {
    /// `batch_prediction`, `retraining`, `retention` or `registry_scan`.
    pub(super) kind: Option<String>,
    /// Of this model.
    pub(super) model: Option<String>,
    /// The `next` of the page before.
    pub(super) after: Option<String>,
    /// At most so many.
    pub(super) limit: Option<usize>,
}

/// A pattern to be tried.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NextQuery {
    /// The pattern: five fields.
    pub(super) cron: String,
    /// In which time zone; none given: UTC.
    pub(super) time_zone: Option<String>,
    /// How many are told, 10 unless asked otherwise.
    pub(super) count: Option<usize>,
}
