//! `/api/models/{name}/traffic`: what the model-servers count, and how requests are shared out among versions.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contract::{CanaryOutcome, CanaryRules, CanaryVerdict, Environment, ModelName};
use fleet::VersionTraffic;
use jiff::Timestamp;
use rollout::RolloutError;
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{Approval, Candidate, Place, Trial};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail},
    changes,
    error::{bad_request, from_rollout, from_store},
    routes::{
        approvals,
        changes::{confirmed, is_production},
        models::known,
        parse,
    },
};

/// What was asked of a model's versions, over all model-servers, since these started: a number that is less than it was
/// before says that a server started anew, or went.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelTraffic {
    /// When the servers were asked.
    at: Timestamp,
    /// Each version that was loaded since, by its number.
    versions: Vec<VersionTraffic>,
    /// How requests are shared out, in each environment that the model is deployed in.
    places: Vec<TrafficPlace>,
}

/// How requests of a model in an environment are shared out.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficPlace {
    environment: Environment,
    current: TrafficCurrent,
    /// The version that is tried beside the current one; null: none is.
    #[schema(required)]
    candidate: Option<TrafficCandidate>,
}

/// The deployed version.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficCurrent {
    version: u64,
    /// Its share of the requests, in percent.
    weight: u32,
}

/// A version that is tried beside the deployed one.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficCandidate {
    version: u64,
    /// Its share of the requests, in percent. Without one it is loaded, and answers those that name it.
    weight: u32,
    /// The share of the others' requests that it computes too, in percent; those answers are compared, and nobody gets them.
    shadow: u32,
    /// Since when it is tried, with these rules.
    since: Timestamp,
    /// Who began it.
    by: String,
    /// What it has to keep to; null: a person decides.
    #[schema(required)]
    rules: Option<CanaryRules>,
    /// What became of it; null: nothing yet.
    #[schema(required)]
    verdict: Option<CanaryVerdict>,
}

impl From<Place> for TrafficPlace {
    fn from(Place { current, candidate }: Place) -> Self {
        let candidate = candidate.map(|candidate| {
            let Candidate { deployment, weight, shadow, by, rules, verdict, .. } = candidate;
            let (version, since) = (deployment.version, deployment.deployed_at);
            TrafficCandidate { version, weight, shadow, since, by, rules, verdict }
        });
        let weight = 100 - candidate.as_ref().map_or(0, |candidate| candidate.weight);
        let current_version = TrafficCurrent { version: current.version, weight };
        Self { environment: current.environment, current: current_version, candidate }
    }
}

/// A version to try beside the deployed one, or another way to try the one that is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficChange {
    environment: Environment,
    /// A version that could be promoted there, or was deployed there before.
    version: u64,
    /// Its share of the requests, in percent.
    #[schema(maximum = 100)]
    weight: u32,
    /// The share of the others' requests that it computes too, in percent.
    #[serde(default)]
    #[schema(maximum = 100)]
    shadow: u32,
    /// What it has to keep to; without any, a person decides.
    rules: Option<CanaryRules>,
    /// `production`, where the environment is prod and the version is new there or its share grows.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// A version that is to take the deployed one's place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficPromotion {
    environment: Environment,
    /// `production`, where the environment is prod.
    #[schema(nullable = false)]
    confirm: Option<String>,
}

/// A version that is to be tried no more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficWithdrawal {
    environment: Environment,
}

/// What is asked of a model's versions, and how it is shared out; rates are the differences between two answers.
#[utoipa::path(
    get, path = "/api/models/{name}/traffic", operation_id = "getTraffic", tag = "models",
    responses((status = OK, body = ModelTraffic)),
)]
pub(crate) async fn traffic(
    State(backend): State<Backend>,
    Path(name): Path<String>,
) -> Result<Json<ModelTraffic>, ApiError> {
    let name: ModelName = parse(&name)?;
    known(&backend, &name).await?;
    let serving = &backend.store.serving;
    let (servers, places) =
        tokio::try_join!(serving.model_servers(fleet::SEEN_WITHIN), serving.places(&name)).map_err(from_store)?;
    let addresses = servers.into_iter().map(|(report, _)| report.address).collect();
    let versions = backend.models.fleet.traffic(addresses, &name).await.map_err(|error| {
        ApiError::new(StatusCode::BAD_GATEWAY, "model_server_unavailable", format!("{error}; try again shortly"))
    })?;
    let places = places.into_iter().map(TrafficPlace::from).collect();
    Ok(Json(ModelTraffic { at: Timestamp::now(), versions, places }))
}

/// Has a version tried beside the deployed one, or shares requests out anew to the one that is. Answers once most
/// model-servers have it loaded; or nothing changes. Where production takes a second person, a version that was not
/// deployed there before is asked for.
#[utoipa::path(
    put, path = "/api/models/{name}/traffic", operation_id = "setTraffic", tag = "models",
    responses(
        (status = OK, body = TrafficPlace),
        (status = ACCEPTED, body = Approval, description = "It waits for a second person"),
    ),
)]
pub(crate) async fn set(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(change): Json<TrafficChange>,
) -> Result<Response, ApiError> {
    let model: ModelName = parse(&name)?;
    let TrafficChange { environment, version, weight, shadow, rules, confirm } = change;
    trail.object(&model);
    trail.after(shares(&environment, version, (weight, shadow)));
    if weight > 100 || shadow > 100 {
        return Err(bad_request("bad_share", "weight and shadow are percentages, from 0 to 100"));
    }
    if let Some(Err(detail)) = rules.as_ref().map(CanaryRules::check) {
        return Err(bad_request("bad_rules", detail));
    }
    known(&backend, &model).await?;
    let place = backend.store.serving.place(&model, &environment).await.map_err(from_store)?;
    let tried = place.and_then(|place| place.candidate).filter(|candidate| !candidate.is_over());
    if let Some(tried) = &tried {
        trail.before(shares(&environment, tried.deployment.version, (tried.weight, tried.shadow)));
    }
    let is_new = tried.as_ref().is_none_or(|tried| tried.deployment.version != version);
    if is_new || tried.is_some_and(|tried| tried.weight < weight) {
        confirmed(&environment, confirm.as_deref())?;
    }
    let trial = Trial { weight, shadow, rules };
    if is_new && needs_approval(&backend, (&model, &environment), version).await? {
        let from = Environment::all().find(|from| from.following().as_ref() == Some(&environment));
        let from = from.unwrap_or_else(Environment::dev);
        return approvals::ask(&backend, (&caller, &trail), (&model, version), (&from, &environment), Some(&trial)).await;
    }
    let place = try_out(&backend, (model, environment), version, trial, caller.name.clone()).await.map_err(from_rollout)?;
    Ok(Json(TrafficPlace::from(place)).into_response())
}

/// Makes the version that is tried the deployed one. The one before stays loaded beside it, for the way back.
#[utoipa::path(
    post, path = "/api/models/{name}/traffic/promote", operation_id = "promoteCandidate", tag = "models",
    responses((status = OK, body = TrafficPlace)),
)]
pub(crate) async fn promote(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    caller: Caller,
    trail: Trail,
    Json(TrafficPromotion { environment, confirm }): Json<TrafficPromotion>,
) -> Result<Json<TrafficPlace>, ApiError> {
    let model: ModelName = parse(&name)?;
    trail.object(&model);
    confirmed(&environment, confirm.as_deref())?;
    let (serves, candidate) = tried(&backend, (&model, &environment), &trail).await?;
    if candidate.is_over() {
        let detail = format!("no version is tried in {environment} any more: start it again first");
        return Err(ApiError::new(StatusCode::CONFLICT, "no_candidate", detail));
    }
    trail.before(format_args!("version {serves} in {environment}"));
    trail.after(format_args!("version {} in {environment}", candidate.deployment.version));
    let generation = candidate.deployment.generation;
    let (at, reason) = (Timestamp::now(), format!("promoted by {}", caller.name));
    let verdict = CanaryVerdict { at, outcome: CanaryOutcome::Promoted, reason };
    let (rollout, here) = (backend.models.rollout.clone(), (model.clone(), environment.clone()));
    let change = async move { rollout.promote_candidate((&here.0, &here.1), generation, &verdict).await };
    changes::to_its_end(&backend, change).await.map_err(from_rollout)?;
    now(&backend, &model, &environment).await
}

/// Ends the trial of a version: it is not served any more. After a promotion, what serves no more is unloaded.
#[utoipa::path(
    post, path = "/api/models/{name}/traffic/withdraw", operation_id = "withdrawCandidate", tag = "models",
    responses((status = OK, body = TrafficPlace)),
)]
pub(crate) async fn withdraw(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    trail: Trail,
    Json(TrafficWithdrawal { environment }): Json<TrafficWithdrawal>,
) -> Result<Json<TrafficPlace>, ApiError> {
    let model: ModelName = parse(&name)?;
    trail.object(&model);
    let (_, candidate) = tried(&backend, (&model, &environment), &trail).await?;
    let (version, generation) = (candidate.deployment.version, candidate.deployment.generation);
    trail.before(shares(&environment, version, (candidate.weight, candidate.shadow)));
    trail.after(format_args!("version {version} in {environment} is withdrawn"));
    let (rollout, here) = (backend.models.rollout.clone(), (model.clone(), environment.clone()));
    let change = async move { rollout.withdraw((&here.0, &here.1), generation, None).await };
    changes::to_its_end(&backend, change).await.map_err(from_rollout)?;
    now(&backend, &model, &environment).await
}

/// Has a version tried, to the end also when whoever asked has gone.
pub(super) async fn try_out(
    backend: &Backend,
    (model, environment): (ModelName, Environment),
    version: u64,
    trial: Trial,
    by: String,
) -> Result<Place, RolloutError> {
    let rollout = backend.models.rollout.clone();
    let change = async move { rollout.try_out((&model, &environment), version, &trial, &by).await };
    changes::to_its_end(backend, change).await
}

/// Whether somebody else has to approve that a version is tried: it may answer in production, which it has not before.
async fn needs_approval(
    backend: &Backend,
    (model, environment): (&ModelName, &Environment),
    version: u64,
) -> Result<bool, ApiError> {
    if !backend.config.prod_approval || !is_production(environment) {
        return Ok(false);
    }
    let was_there = backend.store.serving.was_deployed((model, environment), version).await.map_err(from_store)?;
    Ok(!was_there)
}

/// The version that serves, and the candidate beside it, over or not.
async fn tried(
    backend: &Backend,
    (model, environment): (&ModelName, &Environment),
    trail: &Trail,
) -> Result<(u64, Candidate), ApiError> {
    trail.after(format_args!("the version that is tried in {environment}"));
    known(backend, model).await?;
    let place = backend.store.serving.place(model, environment).await.map_err(from_store)?;
    let found = place.and_then(|place| Some((place.current.version, place.candidate?)));
    found.ok_or_else(|| from_rollout(RolloutError::NoCandidate(environment.clone())))
}

/// A place as it is now.
async fn now(backend: &Backend, model: &ModelName, environment: &Environment) -> Result<Json<TrafficPlace>, ApiError> {
    let place = backend.store.serving.place(model, environment).await.map_err(from_store)?;
    let gone = || from_rollout(RolloutError::Overtaken(environment.clone()));
    place.map(TrafficPlace::from).map(Json).ok_or_else(gone)
}

/// For the audit log.
fn shares(environment: &Environment, version: u64, (weight, shadow): (u32, u32)) -> String {
    let shadow = if shadow > 0 { format!(", {shadow} % as a shadow") } else { String::new() };
    format!("version {version} in {environment} with {weight} % of the requests{shadow}")
}
