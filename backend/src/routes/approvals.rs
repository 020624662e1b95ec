//! `/api/approvals`: promotions to production that wait for a second person, where `PROD_APPROVAL` asks for one.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::{Environment, ModelName};
use pipeline::access::Action;
use serde::Deserialize;
use service::ApiError;
use store::{Approval, ApprovalState, NewApproval, NotAsked, StoreError, Trial};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail, owned},
    changes::{self, Order},
    error::{bad_request, from_rollout, from_store, not_found},
    routes::{
        changes::{DeploymentChange, confirmed, told},
        parse,
        pipelines::Page,
        sessions::person,
        traffic,
    },
};

/// How long a promotion waits.
const LASTS: Duration = Duration::from_hours(24);
/// How many are listed at most, and unless asked otherwise.
const LIMITS: (usize, usize) = (500, 50);
/// How long a reason may be, in characters.
const REASON_MAX: usize = 500;

/// Which promotions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApprovalQuery {
    /// Of this model.
    model: Option<String>,
    /// In this state: `waiting`, `approved`, `refused`, `withdrawn`, `expired`, `stale` or `failed`.
    state: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// At most so many.
    limit: Option<usize>,
}

/// What confirms an approval.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approve {
    /// `production`.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// Why a promotion is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refuse {
    /// In words, for who asked.
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// The promotions that wait for a second person, or did, newest first.
#[utoipa::path(
    get, path = "/api/approvals", operation_id = "listApprovals", tag = "models", params(ApprovalQuery),
    responses((status = OK, body = Page<Approval>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<ApprovalQuery>,
) -> Result<Json<Page<Approval>>, ApiError> {
    let ApprovalQuery { model, state, after, limit } = query;
    let model: Option<ModelName> = model.as_deref().map(parse).transpose()?;
    let known = |word: String| ApprovalState::ALL.into_iter().find(|state| state.as_str() == word);
    let unknown = || bad_request("bad_state", "state must be one of those that the description names");
    let state = state.map(|word| known(word).ok_or_else(unknown)).transpose()?;
    let before = after.as_deref().map(parse).transpose()?;
    let limit = limit.unwrap_or(LIMITS.1).clamp(1, LIMITS.0);
    let found = backend.store.serving.approvals(&caller.scope(&Action::See), model.as_ref(), state, before, limit).await;
    let (items, more) = found.map_err(from_store)?;
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items, next }))
}

/// Writes down that somebody asks for a promotion, which waits for somebody else.
pub(super) async fn ask(
    backend: &Backend,
    (caller, trail): (&Caller, &Trail),
    (model, version): (&ModelName, u64),
    (from, to): (&Environment, &Environment),
    trial: Option<&Trial>,
) -> Result<Response, ApiError> {
    let asked_by = person(backend, caller).await?;
    let new = NewApproval { model, version, from, to, asked_by, asker: &caller.name, lasts: LASTS, trial };
    let conflict = |code, detail: String| Err(ApiError::new(StatusCode::CONFLICT, code, detail));
    match backend.store.serving.ask_for_approval(new).await.map_err(from_store)? {
        Ok(approval) => {
            let what = if trial.is_some() { "that it is tried" } else { "it" };
            trail.after(format_args!("version {version} in {to}, once somebody else approves {what}"));
            Ok((StatusCode::ACCEPTED, Json(approval)).into_response())
        }
        Err(NotAsked::NotDeployed) => conflict("not_deployed", format!("version {version} is not what serves in {from}")),
        Err(NotAsked::AlreadyDeployed) => conflict("already_deployed", format!("version {version} serves in {to} already")),
        Err(NotAsked::Waiting) => {
            let detail = format!("another promotion of {model} to {to} waits: decide about it, or take it back, first");
            conflict("approval_waits", detail)
        }
    }
}

/// Approves a promotion that somebody else asked for, and makes it.
#[utoipa::path(
    post, path = "/api/approvals/{id}/approve", operation_id = "approvePromotion", tag = "models",
    responses((status = OK, body = DeploymentChange)),
)]
pub(crate) async fn approve(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(Approve { confirm }): Json<Approve>,
) -> Result<Json<DeploymentChange>, ApiError> {
    let approval = waiting(&backend, &caller, &id, &trail).await?;
    confirmed(&approval.to, confirm.as_deref())?;
    if person(&backend, &caller).await? == approval.asked_by {
        let detail = "you asked for it yourself, be it with a key of yours: somebody else has to approve it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "second_person_required", detail));
    }
    decide(&backend, &caller, &approval, ApprovalState::Approved, None).await?;
    let Approval { id, model_name: model, version, from, to, trial, asker, .. } = approval;
    let made = match trial {
        Some(trial) => {
            let tried = traffic::try_out(&backend, (model, to), version, trial, asker).await;
            tried.map(|place| DeploymentChange::tried(&trail, place))
        }
        None => changes::make(&backend, Order::Promote { model, version, from, to }).await.map(|made| told(&trail, made)),
    };
    match made {
        Ok(made) => Ok(Json(made)),
        Err(error) => {
            let error = from_rollout(error);
            // That it was approved stands also where this can't be written.
            if let Err(error) = backend.store.serving.fail_approval(id, error.detail()).await {
                tracing::warn!(%error, %id, "what became of an approval could not be written down");
            }
            Err(error)
        }
    }
}

/// Refuses a promotion that somebody asked for.
#[utoipa::path(
    post, path = "/api/approvals/{id}/refuse", operation_id = "refusePromotion", tag = "models",
    responses((status = OK, body = Approval)),
)]
pub(crate) async fn refuse(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(Refuse { reason }): Json<Refuse>,
) -> Result<Json<Approval>, ApiError> {
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_MAX) {
        return Err(bad_request("reason_too_long", format!("reason may have at most {REASON_MAX} characters")));
    }
    let approval = waiting(&backend, &caller, &id, &trail).await?;
    decide(&backend, &caller, &approval, ApprovalState::Refused, reason.as_deref()).await?;
    trail.after(format_args!("version {} in {}: refused", approval.version, approval.to.as_str()));
    backend.store.serving.approval(approval.id).await.map_err(from_store)?.map(Json).ok_or_else(unknown)
}

/// Takes back a promotion that one asked for.
#[utoipa::path(
    delete, path = "/api/approvals/{id}", operation_id = "withdrawPromotion", tag = "models",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn withdraw(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    caller: Caller,
    trail: Trail,
) -> Result<StatusCode, ApiError> {
    let approval = waiting(&backend, &caller, &id, &trail).await?;
    if person(&backend, &caller).await? != approval.asked_by {
        let detail = format!("{} asked for it: refuse it instead", approval.asker);
        return Err(ApiError::new(StatusCode::FORBIDDEN, "not_yours", detail));
    }
    decide(&backend, &caller, &approval, ApprovalState::Withdrawn, None).await?;
    trail.after(format_args!("version {} in {}: taken back", approval.version, approval.to.as_str()));
    Ok(StatusCode::NO_CONTENT)
}

/// A promotion that still waits, of a model that is the caller's business; whether there are others they don't learn.
async fn waiting(backend: &Backend, caller: &Caller, id: &str, trail: &Trail) -> Result<Approval, ApiError> {
    let id = parse(id)?;
    trail.object(format_args!("approval {id}"));
    let found = backend.store.serving.approval(id).await.map_err(from_store)?.ok_or_else(unknown)?;
    let object = owned(backend, &found.model_name).await?;
    trail.about(&object);
    if !caller.may(&Action::Promote(found.to.clone()), &object) {
        return Err(unknown());
    }
    trail.object(&found.model_name);
    trail.before(format_args!("version {} in {}, asked for by {}", found.version, found.to.as_str(), found.asker));
    let over = |code, detail: &str| Err(ApiError::new(StatusCode::CONFLICT, code, detail));
    match found.state {
        ApprovalState::Waiting => Ok(found),
        ApprovalState::Expired => over("approval_expired", "nobody decided in time: ask for it again"),
        ApprovalState::Stale => over(
            "approval_stale",
            "what is deployed has changed since it was asked for, or who asked is not let in any more: look, and ask again",
        ),
        _ => Err(decided()),
    }
}

/// Writes down what was decided, unless somebody was faster.
async fn decide(
    backend: &Backend,
    caller: &Caller,
    approval: &Approval,
    state: ApprovalState,
    reason: Option<&str>,
) -> Result<(), ApiError> {
    let done = backend.store.serving.decide_approval(approval.id, state, &caller.name, reason).await;
    done.map_err(|error| if matches!(error, StoreError::Conflict) { decided() } else { from_store(error) })
}

fn decided() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "approval_decided", "it is decided already")
}

fn unknown() -> ApiError {
    not_found("no such promotion waits, or did")
}
