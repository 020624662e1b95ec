//! `/api/schedules`: what happens at which times.

mod bodies;
mod checks;
pub(crate) mod declared;

use std::collections::BTreeSet;

use ::declared::{NAME_MAX, check_name, check_policies};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use contract::{FiringStatus, ModelName, ScheduleKind};
use jiff::Timestamp;
use pipeline::{
    access::{Action, Object},
    schedule::Cron,
};
use service::ApiError;
use store::{ScheduleChange, ScheduleFilter, Schedules, StoreError};

use self::bodies::{
    BackFill, BackFilled, CancelledFirings, Firing, NewSchedule, NextFirings, NextQuery, Schedule, SchedulePatch,
    ScheduleQuery,
};
use self::checks::{check_by_hand, check_work, from_cron, from_invalid};
use crate::{
    Backend,
    auth::{Caller, Trail, owned},
    error::{bad_request, from_store, internal, not_found},
    routes::{
        parse,
        pipelines::{Page, PageQuery},
    },
};

/// How many are listed at most, and unless asked otherwise.
const LIMITS: (usize, usize) = (500, 100);
/// For how many moments of the past a schedule may be asked to fire at once.
const BACK_FILL_MAX: usize = 1_000;
/// How many moments of a pattern are told.
const NEXT_MAX: usize = 100;

/// Makes a schedule.
#[utoipa::path(
    post, path = "/api/schedules", operation_id = "createSchedule", tag = "schedules",
    responses((status = CREATED, body = Schedule)),
)]
pub(crate) async fn create(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Json(new): Json<NewSchedule>,
) -> Result<(StatusCode, Json<Schedule>), ApiError> {
    let name = new.name.clone().unwrap_or_else(|| new.work.default_name());
    trail.object(format_args!("schedule {}", name.chars().take(NAME_MAX).collect::<String>()));
    trail.about(&object_of(&backend, new.work.model(), new.work.repo()).await?);
    caller.require(&Action::Schedules, &new.work.reaches())?;
    check_name(&name).map_err(from_invalid)?;
    let cron = Cron::parse(&new.cron, &new.time_zone).map_err(from_cron)?;
    check_policies(new.overlap, new.misfire).map_err(from_invalid)?;
    check_work(&backend, &new.work).await?;
    trail.after(format_args!("{} {}", new.cron, new.time_zone));
    let next = if new.paused { None } else { following(&backend, &cron).await? };
    let work = new.work.kept().map_err(internal)?;
    let made = backend.store.schedules.create(store::NewSchedule {
        name: &name,
        kind: new.work.kind(),
        work: &work,
        model_name: new.work.model(),
        repo: new.work.repo(),
        cron: &new.cron,
        time_zone: &new.time_zone,
        overlap: new.overlap,
        misfire: new.misfire,
        next,
        created_by: &caller.name,
        source: None,
    });
    let made = made.await.map_err(|error| match error {
        StoreError::Conflict => {
            let detail = format!("another schedule is called {name}; choose another name, or change that one");
            ApiError::new(StatusCode::CONFLICT, "name_taken", detail)
        }
        error => from_store(error),
    })?;
    backend.bus.wake.notify_one();
    Ok((StatusCode::CREATED, Json(Schedule::of(made)?)))
}

/// The schedules, by name.
#[utoipa::path(
    get, path = "/api/schedules", operation_id = "listSchedules", tag = "schedules", params(ScheduleQuery),
    responses((status = OK, body = Page<Schedule>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(ScheduleQuery { kind, model, after, limit }): Query<ScheduleQuery>,
) -> Result<Json<Page<Schedule>>, ApiError> {
    let model: Option<ModelName> = model.as_deref().map(parse).transpose()?;
    let unknown = || bad_request("bad_kind", "kind must be batch_prediction, retraining, retention or registry_scan");
    let kind = kind.map(|word| ScheduleKind::from_word(&word).ok_or_else(unknown)).transpose()?;
    let limit = limit.unwrap_or(LIMITS.1).clamp(1, LIMITS.0);
    let filter = ScheduleFilter { kind, model: model.as_ref(), after: after.as_deref(), limit };
    let (found, more) = backend.store.schedules.list(&caller.scope(&Action::See), filter).await.map_err(from_store)?;
    let items = found.into_iter().map(Schedule::of).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| more).map(|last| last.name.clone());
    Ok(Json(Page { items, next }))
}

/// When a pattern would fire.
#[utoipa::path(
    get, path = "/api/schedules/next", operation_id = "nextFirings", tag = "schedules", params(NextQuery),
    responses((status = OK, body = NextFirings)),
)]
pub(crate) async fn next(
    State(backend): State<Backend>,
    Query(NextQuery { cron, time_zone, count }): Query<NextQuery>,
) -> Result<Json<NextFirings>, ApiError> {
    let cron = Cron::parse(&cron, time_zone.as_deref().unwrap_or("UTC")).map_err(from_cron)?;
    let now = backend.store.schedules.now().await.map_err(from_store)?;
    let next_firings = cron.after(now).take(count.unwrap_or(10).clamp(1, NEXT_MAX)).collect();
    Ok(Json(NextFirings { description: cron.describe(), next_firings }))
}

/// A schedule.
#[utoipa::path(
    get, path = "/api/schedules/{id}", operation_id = "getSchedule", tag = "schedules",
    responses((status = OK, body = Schedule)),
)]
pub(crate) async fn one(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<Schedule>, ApiError> {
    Ok(Json(Schedule::of(known(&backend, &caller, &id, &Action::See).await?.0)?))
}

/// Changes a schedule; what is not given stays.
#[utoipa::path(
    patch, path = "/api/schedules/{id}", operation_id = "changeSchedule", tag = "schedules",
    responses((status = OK, body = Schedule)),
)]
pub(crate) async fn change(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(patch): Json<SchedulePatch>,
) -> Result<Json<Schedule>, ApiError> {
    let found = told(&backend, (&caller, &trail), &id).await?;
    trail.before(told_as(&found));
    if patch.changes_more_than_pauses() {
        check_by_hand(&found)?;
    }
    let cron_text = patch.cron.unwrap_or_else(|| found.cron.clone());
    let zone = patch.time_zone.unwrap_or_else(|| found.time_zone.clone());
    let cron = Cron::parse(&cron_text, &zone).map_err(from_cron)?;
    let (overlap, misfire) = (patch.overlap.unwrap_or(found.overlap), patch.misfire.unwrap_or(found.misfire));
    check_policies(overlap, misfire).map_err(from_invalid)?;
    let work = match patch.work {
        Some(work) => {
            caller.require(&Action::Schedules, &work.reaches())?;
            let same =
                work.kind() == found.kind && work.model() == found.model_name.as_ref() && work.repo() == found.repo.as_ref();
            if !same {
                let detail = "a schedule stays with its kind, and with its model or repository; make another one";
                return Err(bad_request("another_work", detail));
            }
            check_work(&backend, &work).await?;
            work.kept().map_err(internal)?
        }
        None => found.work.clone(),
    };
    let was_paused = found.next.is_none();
    let paused = patch.paused.unwrap_or(was_paused);
    let is_another_time = cron_text != found.cron || zone != found.time_zone;
    let next = match (paused, was_paused) {
        (true, true) => None,
        (true, false) => Some(None),
        (false, false) if !is_another_time => None,
        (false, _) => Some(following(&backend, &cron).await?),
    };
    let change = ScheduleChange { work: &work, cron: &cron_text, time_zone: &zone, overlap, misfire, next, source: None };
    let changed = backend.store.schedules.change(&found, change).await.map_err(|error| match error {
        StoreError::Conflict => {
            ApiError::new(StatusCode::CONFLICT, "conflict", "somebody else changed it at the same moment; look again")
        }
        error => from_store(error),
    })?;
    trail.after(told_as(&changed));
    backend.bus.wake.notify_one();
    Ok(Json(Schedule::of(changed)?))
}

/// Removes a schedule. What it began goes on; what waited is forgotten, and so is what it did before.
#[utoipa::path(
    delete, path = "/api/schedules/{id}", operation_id = "removeSchedule", tag = "schedules",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn remove(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
) -> Result<StatusCode, ApiError> {
    let found = told(&backend, (&caller, &trail), &id).await?;
    trail.before(told_as(&found));
    check_by_hand(&found)?;
    backend.store.schedules.remove(found.id).await.map_err(from_store)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has a schedule fire now, also while it is paused. If something of it runs, that comes to its end first.
#[utoipa::path(
    post, path = "/api/schedules/{id}/run", operation_id = "runSchedule", tag = "schedules",
    responses((status = ACCEPTED, body = Firing)),
)]
pub(crate) async fn run(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
) -> Result<(StatusCode, Json<Firing>), ApiError> {
    let found = told(&backend, (&caller, &trail), &id).await?;
    let firing = backend.store.schedules.run_now(found.id).await.map_err(or_full)?;
    backend.bus.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Firing::of(firing))))
}

/// Has a schedule fire for each of its moments in a range of the past, one after the other; with `dry_run` it only counts them (200).
#[utoipa::path(
    post, path = "/api/schedules/{id}/backfill", operation_id = "backFillSchedule", tag = "schedules",
    responses((status = ACCEPTED, body = BackFilled), (status = OK, body = BackFilled)),
)]
pub(crate) async fn back_fill(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(BackFill { from, to, dry_run }): Json<BackFill>,
) -> Result<(StatusCode, Json<BackFilled>), ApiError> {
    let found = told(&backend, (&caller, &trail), &id).await?;
    let now = backend.store.schedules.now().await.map_err(from_store)?;
    if from >= to || from >= now {
        return Err(bad_request("bad_range", "from must be before to, and in the past"));
    }
    if now.duration_since(from) > Schedules::KEPT {
        let days = Schedules::KEPT.as_hours() / 24;
        let detail = format!("from must be within the last {days} days: whether it fired before is not known any more");
        return Err(bad_request("too_long_ago", detail));
    }
    let cron = Cron::parse(&found.cron, &found.time_zone).map_err(from_cron)?;
    // The first moment may be one itself.
    let begin = from.saturating_sub(jiff::SignedDuration::from_millis(1)).unwrap_or(from);
    // What is due, and not noted yet, is no past.
    let end = to.min(now).min(found.next.unwrap_or(now));
    let mut moments: Vec<_> = cron.after(begin).take_while(|moment| *moment < end).take(BACK_FILL_MAX + 1).collect();
    if moments.len() > BACK_FILL_MAX {
        let detail = format!("that are more than {BACK_FILL_MAX} firings; choose a shorter range");
        return Err(bad_request("too_many_firings", detail));
    }
    let fired = backend.store.schedules.fired(found.id, from, end).await.map_err(from_store)?;
    let fired: BTreeSet<_> = fired.into_iter().collect();
    moments.retain(|moment| !fired.contains(moment));
    let (first, last) = (moments.first().copied(), moments.last().copied());
    if dry_run {
        trail.after("only looked how many that are");
        let firings = moments.len() as u64;
        return Ok((StatusCode::OK, Json(BackFilled { firings, first, last })));
    }
    trail.after(format_args!("{} firings from {from} to {to}", moments.len()));
    let firings = backend.store.schedules.back_fill(found.id, &moments).await.map_err(or_full)?;
    backend.bus.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(BackFilled { firings, first, last })))
}

/// Ends the firings of a schedule that wait, and what runs.
#[utoipa::path(
    post, path = "/api/schedules/{id}/cancel", operation_id = "cancelFirings", tag = "schedules",
    responses((status = OK, body = CancelledFirings)),
)]
pub(crate) async fn cancel(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
) -> Result<Json<CancelledFirings>, ApiError> {
    let found = told(&backend, (&caller, &trail), &id).await?;
    let (mut cancelled, open) = backend.store.schedules.cancel_waiting(found.id).await.map_err(from_store)?;
    for firing in open.iter().filter(|firing| firing.status == FiringStatus::Running) {
        let asked = match (firing.batch, firing.pipeline) {
            (Some(batch), _) => backend.store.batches.cancel(batch).await.map(drop),
            (_, Some(pipeline)) => backend.store.pipelines.request_cancel(pipeline).await.map(drop),
            (None, None) => continue,
        };
        match asked {
            Ok(()) => cancelled += 1,
            // It is over, or must come to its end.
            Err(StoreError::Conflict | StoreError::NotFound) => {}
            Err(error) => return Err(from_store(error)),
        }
    }
    backend.bus.wake.notify_one();
    Ok(Json(CancelledFirings { cancelled }))
}

/// The firings of a schedule, those for the latest moments first.
#[utoipa::path(
    get, path = "/api/schedules/{id}/firings", operation_id = "listFirings", tag = "schedules", params(PageQuery),
    responses((status = OK, body = Page<Firing>)),
)]
pub(crate) async fn firings(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Firing>>, ApiError> {
    let (found, _) = known(&backend, &caller, &id, &Action::See).await?;
    let after = page.after.as_deref().map(parse).transpose()?;
    let (firings, more) = backend.store.schedules.firings(found.id, after, page.limit()).await.map_err(from_store)?;
    let next = firings.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items: firings.into_iter().map(Firing::of).collect(), next }))
}

fn or_full(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict => {
            let detail = "too many of its firings wait already; wait until some are done, or cancel them";
            ApiError::new(StatusCode::CONFLICT, "too_many_waiting", detail)
        }
        error => from_store(error),
    }
}

/// The next moment of a pattern.
async fn following(backend: &Backend, cron: &Cron) -> Result<Option<Timestamp>, ApiError> {
    let now = backend.store.schedules.now().await.map_err(from_store)?;
    Ok(cron.after(now).next())
}

/// A schedule that the caller may do this with, and what it belongs to. To others it is unknown.
async fn known(
    backend: &Backend,
    caller: &Caller,
    id: &str,
    action: &Action,
) -> Result<(store::Schedule, Object), ApiError> {
    let unknown = || not_found("there is no schedule of this id");
    let found = backend.store.schedules.get(parse(id)?).await.map_err(from_store)?.ok_or_else(unknown)?;
    let object = object_of(backend, found.model_name.as_ref(), found.repo.as_ref()).await?;
    if !caller.may(&Action::See, &object) {
        return Err(unknown());
    }
    caller.require(action, &object)?;
    Ok((found, object))
}

/// A schedule that the caller changes.
async fn told(backend: &Backend, (caller, trail): (&Caller, &Trail), id: &str) -> Result<store::Schedule, ApiError> {
    let (found, object) = known(backend, caller, id, &Action::Schedules).await?;
    trail.object(format_args!("schedule {}", found.name));
    trail.about(&object);
    Ok(found)
}

/// How a schedule is told of in the audit log.
fn told_as(schedule: &store::Schedule) -> String {
    let paused = if schedule.next.is_none() { ", paused" } else { "" };
    format!("{} {}, overlap {}, misfire {}{paused}", schedule.cron, schedule.time_zone, schedule.overlap, schedule.misfire)
}

async fn object_of(
    backend: &Backend,
    model: Option<&ModelName>,
    repo: Option<&contract::RepoName>,
) -> Result<Object, ApiError> {
    match model {
        Some(model) => owned(backend, model).await,
        None => Ok(Object { repo: repo.cloned(), model: None }),
    }
}
