//! `/api/batch-predictions`: tables through models into tables; and `GET /predict`, which waits for one.

mod bodies;

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::{BatchStatus, ModelName};
use pipeline::access::Action;
use service::ApiError;
use store::{Batch, BatchFilter, Created, StoreError};
use tables::{OnReject, OutputNames, Plan, Sources, Spec, WriteDisposition};
use tokio::time::{Instant, sleep};

use self::bodies::{BatchPrediction, BatchPreview, BatchQuery, NewBatchPrediction, PredictQuery};
use super::tables::columns;
use crate::{
    Backend,
    auth::{Caller, Trail, owned},
    error::{bad_request, from_store, from_tables, internal, not_found},
    routes::{parse, pipelines::Page},
};

/// How many are listed at most, and unless asked otherwise.
const LIMITS: (usize, usize) = (500, 50);
/// How long a job's name may be, in characters.
const JOB_MAX: usize = 200;
/// How often `GET /predict` looks, and how long.
const LOOK: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_hours(1);

/// Sends a table through a model into a table. With `dry_run` it only tells (200) what would be done.
#[utoipa::path(
    post, path = "/api/batch-predictions", operation_id = "createBatchPrediction", tag = "tables",
    responses((status = ACCEPTED, body = BatchPrediction), (status = OK, body = BatchPreview)),
)]
pub(crate) async fn create(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Json(new): Json<NewBatchPrediction>,
) -> Result<Response, ApiError> {
    authorize(&backend, (&caller, &trail), &new.model_name).await?;
    if let Some(before) = before(&backend, &new).await? {
        return Ok((StatusCode::ACCEPTED, Json(BatchPrediction::of(before)?)).into_response());
    }
    let planned = plan(&backend, &new).await?;
    if new.dry_run {
        trail.after("only looked what it would do");
        let Plan { spec, rows, bytes, pieces, columns: written } = planned;
        let (model_name, version, input_version) = (spec.model_name, spec.version, spec.input_version);
        let (input_table, shards, output_columns) = (spec.input.to_string(), pieces.len(), columns(&written));
        let preview = BatchPreview { model_name, version, input_table, input_version, rows, bytes, shards, output_columns };
        return Ok(Json(preview).into_response());
    }
    let batch = make(&backend, (&caller, &trail), &new, planned).await?;
    Ok((StatusCode::ACCEPTED, Json(BatchPrediction::of(batch)?)).into_response())
}

/// The batch predictions, newest first.
#[utoipa::path(
    get, path = "/api/batch-predictions", operation_id = "listBatchPredictions", tag = "tables", params(BatchQuery),
    responses((status = OK, body = Page<BatchPrediction>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(BatchQuery { model, status, after, limit }): Query<BatchQuery>,
) -> Result<Json<Page<BatchPrediction>>, ApiError> {
    let model: Option<ModelName> = model.as_deref().map(parse).transpose()?;
    let unknown = || bad_request("bad_status", "status must be one of those that the description names");
    let status = status.map(|word| BatchStatus::from_word(&word).ok_or_else(unknown)).transpose()?;
    let before = after.as_deref().map(parse).transpose()?;
    let limit = limit.unwrap_or(LIMITS.1).clamp(1, LIMITS.0);
    let filter = BatchFilter { model: model.as_ref(), status, before, limit };
    let (found, more) = backend.store.batches.list(&caller.scope(&Action::See), filter).await.map_err(from_store)?;
    let items = found.into_iter().map(BatchPrediction::of).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items, next }))
}

/// A batch prediction.
#[utoipa::path(
    get, path = "/api/batch-predictions/{id}", operation_id = "getBatchPrediction", tag = "tables",
    responses((status = OK, body = BatchPrediction)),
)]
pub(crate) async fn one(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<BatchPrediction>, ApiError> {
    Ok(Json(BatchPrediction::of(known(&backend, &caller, &id, &Action::See).await?)?))
}

/// Ends a batch prediction before anything of it is in the output.
#[utoipa::path(
    post, path = "/api/batch-predictions/{id}/cancel", operation_id = "cancelBatchPrediction", tag = "tables",
    responses((status = OK, body = BatchPrediction)),
)]
pub(crate) async fn cancel(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
) -> Result<Json<BatchPrediction>, ApiError> {
    let batch = known(&backend, &caller, &id, &Action::BatchPredictions).await?;
    tell(&backend, &trail, &batch).await?;
    let over = "it is over, or its rows are being written to the output; look again";
    let cancelled = backend.store.batches.cancel(batch.id).await;
    Ok(Json(BatchPrediction::of(cancelled.map_err(|error| or_conflict(error, over))?)?))
}

/// Goes on with a batch prediction that failed or was cancelled: what is done is kept.
#[utoipa::path(
    post, path = "/api/batch-predictions/{id}/resume", operation_id = "resumeBatchPrediction", tag = "tables",
    responses((status = OK, body = BatchPrediction)),
)]
pub(crate) async fn resume(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
) -> Result<Json<BatchPrediction>, ApiError> {
    let batch = known(&backend, &caller, &id, &Action::BatchPredictions).await?;
    tell(&backend, &trail, &batch).await?;
    let on = "only one that failed or was cancelled can go on, once its workers have let go of it; try again in a moment";
    let resumed = backend.store.batches.resume(batch.id).await.map_err(|error| or_conflict(error, on))?;
    backend.bus.wake.notify_one();
    Ok(Json(BatchPrediction::of(resumed)?))
}

/// Sends a table through a model into a table, and waits until that is done. After an hour it answers 202: the job goes on.
#[utoipa::path(
    get, path = "/predict", operation_id = "predictTable", tag = "tables", params(PredictQuery),
    responses((status = OK, body = BatchPrediction), (status = ACCEPTED, body = BatchPrediction)),
)]
pub(crate) async fn predict(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Query(query): Query<PredictQuery>,
) -> Result<Response, ApiError> {
    caller.require_key("POST /api/batch-predictions")?;
    let new = NewBatchPrediction {
        version: query.model_version.as_deref().map(version).transpose()?,
        model_name: parse(&query.model_name)?,
        environment: query.env.parse().map_err(|error: String| bad_request("bad_environment", error))?,
        input_table: query.input_table,
        output_table: query.output_table,
        write_disposition: WriteDisposition::default(),
        id_columns: None,
        on_reject: OnReject::default(),
        job: query.job,
        names: OutputNames::default(),
        dry_run: false,
    };
    authorize(&backend, (&caller, &trail), &new.model_name).await?;
    let batch = if let Some(batch) = before(&backend, &new).await? {
        batch
    } else {
        let planned = plan(&backend, &new).await?;
        make(&backend, (&caller, &trail), &new, planned).await?
    };
    let batch = ended(&backend, batch).await?;
    match batch.status {
        BatchStatus::Succeeded => Ok(Json(BatchPrediction::of(batch)?).into_response()),
        status if status.is_over() => {
            let reason = batch.error.unwrap_or_else(|| format!("it was {}", status.as_str()));
            let detail = format!("batch prediction {}: {reason}", batch.id);
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "batch_prediction_failed", detail))
        }
        _ => Ok((StatusCode::ACCEPTED, Json(BatchPrediction::of(batch)?)).into_response()),
    }
}

/// A batch prediction once it is over, or as it is after an hour.
async fn ended(backend: &Backend, mut batch: Batch) -> Result<Batch, ApiError> {
    let deadline = Instant::now() + PATIENCE;
    while !batch.status.is_over() && Instant::now() < deadline {
        sleep(LOOK).await;
        match backend.store.batches.get(batch.id).await {
            Ok(found) => batch = found.ok_or_else(unknown)?,
            // The job goes on when the database is back.
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => return Err(from_store(error)),
        }
    }
    Ok(batch)
}

/// A version as people write it: `v1` or `1`.
fn version(text: &str) -> Result<u64, ApiError> {
    let number = text.strip_prefix(['v', 'V']).unwrap_or(text);
    number.parse().map_err(|_| bad_request("bad_version", "a version is a number, as in v1 or 1"))
}

/// A 403 unless the caller may send tables through the model.
async fn authorize(backend: &Backend, (caller, trail): (&Caller, &Trail), model: &ModelName) -> Result<(), ApiError> {
    trail.object(model);
    let object = owned(backend, model).await?;
    trail.about(&object);
    caller.require(&Action::BatchPredictions, &object)
}

/// The job that is asked for, if it was before: whatever became of its tables since, it is not made anew.
async fn before(backend: &Backend, new: &NewBatchPrediction) -> Result<Option<Batch>, ApiError> {
    let found = backend.store.batches.of_job(new.job.as_deref()).await.map_err(from_store)?;
    let Some(batch) = found.filter(|_| !new.dry_run) else { return Ok(None) };
    let spec: Spec = serde_json::from_value(batch.spec.clone()).map_err(internal)?;
    let asked = new.request().text().map_err(from_tables)?;
    if spec.asked == asked { Ok(Some(batch)) } else { Err(another_job(&batch)) }
}

fn another_job(before: &Batch) -> ApiError {
    let detail = format!("a job of that name was another one: batch prediction {}; choose another name", before.id);
    ApiError::new(StatusCode::CONFLICT, "another_job", detail)
}

/// Looks whether what is asked for can be done, and how.
async fn plan(backend: &Backend, new: &NewBatchPrediction) -> Result<Plan, ApiError> {
    if new.job.as_ref().is_some_and(|job| job.is_empty() || job.chars().count() > JOB_MAX) {
        return Err(bad_request("bad_job", format!("a job's name has 1 to {JOB_MAX} characters")));
    }
    new.request().plan(sources(backend), None).await.map_err(from_tables)
}

/// Where models and tables are found.
pub(super) fn sources(backend: &Backend) -> Sources<'_> {
    Sources { store: &backend.store, artifacts: &backend.models.artifacts, warehouse: &backend.warehouse }
}

async fn make(
    backend: &Backend,
    (caller, trail): (&Caller, &Trail),
    new: &NewBatchPrediction,
    plan: Plan,
) -> Result<Batch, ApiError> {
    let spec = &plan.spec;
    trail.after(format_args!("{} through version {} into {}", spec.input, spec.version, spec.output));
    let created = new.request().create(&backend.store, &plan, new.job.as_deref(), &caller.name).await;
    match created.map_err(from_tables)? {
        Created::Now(batch) => {
            backend.bus.wake.notify_one();
            Ok(batch)
        }
        // Somebody asked at the same moment.
        Created::Before(batch) => match before(backend, new).await? {
            Some(same) => Ok(same),
            None => Err(another_job(&batch)),
        },
    }
}

/// One that the caller may do this with. To others it is unknown.
async fn known(backend: &Backend, caller: &Caller, id: &str, action: &Action) -> Result<Batch, ApiError> {
    let batch = backend.store.batches.get(parse(id)?).await.map_err(from_store)?.ok_or_else(unknown)?;
    let object = owned(backend, &batch.model_name).await?;
    if !caller.may(&Action::See, &object) {
        return Err(unknown());
    }
    caller.require(action, &object)?;
    Ok(batch)
}

async fn tell(backend: &Backend, trail: &Trail, batch: &Batch) -> Result<(), ApiError> {
    trail.object(format_args!("batch prediction {}", batch.id));
    trail.about(&owned(backend, &batch.model_name).await?);
    trail.before(batch.status.as_str());
    Ok(())
}

fn unknown() -> ApiError {
    not_found("there is no batch prediction of this id")
}

fn or_conflict(error: StoreError, detail: &str) -> ApiError {
    match error {
        StoreError::Conflict => ApiError::new(StatusCode::CONFLICT, "conflict", detail),
        error => from_store(error),
    }
}
