//! `/api/models/{name}/promote` and `/rollback`: what people change.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use contract::{Environment, ModelName};
use pipeline::access::Action;
use rollout::RolledOut;
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{Approval, Candidate, Deployment, Place};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail, object_of_model},
    changes::{self, Order},
    error::{bad_request, from_rollout},
    routes::{approvals, models::known, parse},
};

/// What changes production must be confirmed with.
const WORD: &str = "production";

/// A version to take over into the environment that follows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promotion {
    /// The registry version, which must be the deployed one of `from`.
    version: u64,
    from: Environment,
    /// The environment after `from`: dev, staging, prod.
    to: Environment,
    /// `production`, where `to` is prod.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// An environment to roll back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    environment: Environment,
    /// `production`, where the environment is prod.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// A change that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeploymentChange {
    model_name: ModelName,
    /// Where it was made.
    environment: Environment,
    /// The registry version that serves there now.
    version: u64,
    /// The one that did before; null: none did.
    #[schema(required)]
    previous_version: Option<u64>,
    /// The number of the new deployment.
    generation: u64,
    /// The same in words, with model-servers that lag behind.
    detail: String,
}

impl From<RolledOut> for DeploymentChange {
    fn from(RolledOut { change, reached }: RolledOut) -> Self {
        let (deployment, previous) = (change.deployment, change.previous);
        let (model_name, environment, version) = (deployment.model, deployment.environment, deployment.version);
        let detail = format!("{model_name} version {version} serves in {environment}{reached}");
        let previous_version = previous.map(|previous| previous.version);
        Self { model_name, environment, version, previous_version, generation: deployment.generation, detail }
    }
}

impl DeploymentChange {
    /// A version that is tried from now on beside the one that serves.
    pub(super) fn tried(trail: &Trail, place: Place) -> Self {
        let Deployment { model: model_name, environment, version: serves, generation, .. } = place.current;
        let Some(Candidate { deployment, weight, .. }) = place.candidate else {
            let detail = format!("{model_name} version {serves} serves in {environment}");
            return Self { model_name, environment, version: serves, previous_version: Some(serves), generation, detail };
        };
        let (version, generation) = (deployment.version, deployment.generation);
        let detail =
            format!("{model_name} version {version} is tried in {environment} beside version {serves}, with {weight} %");
        trail.after(&detail);
        Self { model_name, environment, version, previous_version: Some(serves), generation, detail }
    }
}

/// Takes a deployed version over into the environment that follows: the same bytes, or nothing changes. Where production takes
/// a second person, it is asked for.
#[utoipa::path(
    post, path = "/api/models/{name}/promote", operation_id = "promoteModel", tag = "models",
    responses(
        (status = OK, body = DeploymentChange),
        (status = ACCEPTED, body = Approval, description = "It waits for a second person"),
    ),
)]
pub(crate) async fn promote(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(promotion): Json<Promotion>,
) -> Result<Response, ApiError> {
    let model: ModelName = parse(&name)?;
    let object = object_of_model(&backend, &caller, &model).await?;
    caller.require(&Action::Promote(promotion.to.clone()), &object)?;
    trail.object(&model);
    trail.after(format_args!("version {} in {}", promotion.version, promotion.to.as_str()));
    let Promotion { version, from, to, confirm } = promotion;
    if from.following().as_ref() != Some(&to) {
        return Err(bad_request("bad_promotion", "a version goes from dev to staging, and from staging to prod"));
    }
    confirmed(&to, confirm.as_deref())?;
    known(&backend, &model).await?;
    if backend.config.prod_approval && is_production(&to) {
        return approvals::ask(&backend, (&caller, &trail), (&model, version), (&from, &to), None).await;
    }
    let made = changes::make(&backend, Order::Promote { model, version, from, to }).await.map_err(from_rollout)?;
    Ok(Json(told(&trail, made)).into_response())
}

/// Puts back what was deployed before, so that the next rollback goes further back; or nothing changes.
#[utoipa::path(
    post, path = "/api/models/{name}/rollback", operation_id = "rollbackModel", tag = "models",
    responses((status = OK, body = DeploymentChange)),
)]
pub(crate) async fn rollback(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(Rollback { environment, confirm }): Json<Rollback>,
) -> Result<Json<DeploymentChange>, ApiError> {
    let model: ModelName = parse(&name)?;
    let object = object_of_model(&backend, &caller, &model).await?;
    caller.require(&Action::RollBack(environment.clone()), &object)?;
    trail.object(&model);
    trail.after(format_args!("the version before in {}", environment.as_str()));
    confirmed(&environment, confirm.as_deref())?;
    known(&backend, &model).await?;
    let made = changes::make(&backend, Order::RollBack { model, environment }).await.map_err(from_rollout)?;
    Ok(Json(told(&trail, made)))
}

/// A change that was made, as the client and the audit log are told of it.
pub(super) fn told(trail: &Trail, made: RolledOut) -> DeploymentChange {
    let change = DeploymentChange::from(made);
    let environment = change.environment.as_str();
    if let Some(previous) = change.previous_version {
        trail.before(format_args!("version {previous} in {environment}"));
    }
    trail.after(format_args!("version {} in {environment}", change.version));
    change
}

pub(super) fn is_production(environment: &Environment) -> bool {
    environment.following().is_none()
}

/// 400 unless what changes production is confirmed with the word.
pub(super) fn confirmed(environment: &Environment, word: Option<&str>) -> Result<(), ApiError> {
    if is_production(environment) && word != Some(WORD) {
        let detail = format!("to change {environment}, confirm with the word {WORD:?}");
        return Err(bad_request("confirmation_required", detail));
    }
    Ok(())
}
