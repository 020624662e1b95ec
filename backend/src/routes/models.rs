//! `/api/models`: what is registered and deployed; predictions are passed on to the model-server.

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, Request, State},
    http::request::Parts,
    response::Response,
};
use contract::{Environment, ModelName, RepoName};
use jiff::Timestamp;
use pipeline::access::Action;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::ApiError;
use store::{DeployedVersion, ModelFilter, ModelOrder, ModelSummary};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Answering, Caller, Trail},
    error::{bad_request, from_store, not_found},
    routes::{
        parse,
        pipelines::{CountedPage, PAGE, PAGE_MAX},
        search,
    },
};

/// A model, and where it is deployed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelDetail {
    #[serde(flatten)]
    summary: ModelSummary,
    /// Where it is deployed: dev, staging, prod.
    deployments: Vec<DeployedVersion>,
}

/// In which order models are listed.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ModelSort {
    /// By name.
    #[default]
    Name,
    /// Those with the newest version first.
    Updated,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// With each of these words in its name.
    search: Option<String>,
    /// Deployed there.
    environment: Option<String>,
    /// In which order; by name when nobody says.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: ModelSort,
    /// At most so many; 50 when nobody says, never more than 500.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl ListQuery {
    fn order(&self) -> Result<ModelOrder, ApiError> {
        let after = self.after.as_deref();
        Ok(match self.sort {
            ModelSort::Name => ModelOrder::Name(after.map(parse).transpose()?),
            ModelSort::Updated => ModelOrder::Updated(after.map(moment_and_name).transpose()?),
        })
    }
}

/// As [`next`] writes them.
fn moment_and_name(after: &str) -> Result<(Timestamp, ModelName), ApiError> {
    let parts = after.split_once(' ').and_then(|(at, name)| Some((at.parse().ok()?, name.parse().ok()?)));
    parts.ok_or_else(|| bad_request("bad_page", "after must be what `next` was"))
}

fn next(order: ModelOrder) -> Option<String> {
    match order {
        ModelOrder::Name(after) => after.map(String::from),
        ModelOrder::Updated(after) => after.map(|(at, name)| format!("{at} {name}")),
    }
}

/// The models.
#[utoipa::path(
    get, path = "/api/models", operation_id = "listModels", tag = "models", params(ListQuery),
    responses((status = OK, body = CountedPage<ModelSummary>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<CountedPage<ModelSummary>>, ApiError> {
    let unknown = |_| {
        bad_request("bad_environment", format!("there is no such environment; there are {}", Environment::ALL.join(", ")))
    };
    let filter = ModelFilter {
        scope: caller.scope(&Action::See),
        order: query.order()?,
        environment: query.environment.as_deref().map(str::parse).transpose().map_err(unknown)?,
        limit: query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
        search: search(query.search)?,
    };
    let serving = &backend.store.serving;
    let (page, total) = tokio::try_join!(serving.models(&filter), serving.count_models(&filter)).map_err(from_store)?;
    Ok(Json(CountedPage { items: page.0, next: page.1.and_then(next), total }))
}

/// A model.
#[utoipa::path(
    get, path = "/api/models/{name}", operation_id = "getModel", tag = "models",
    responses((status = OK, body = ModelDetail)),
)]
pub(crate) async fn one(State(backend): State<Backend>, Path(name): Path<String>) -> Result<Json<ModelDetail>, ApiError> {
    known(&backend, &parse(&name)?).await.map(Json)
}

/// What is to change of a model.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModelChange)]
pub(crate) struct Change {
    /// The registered repository that its name is to belong to.
    owner: RepoName,
}

/// Hands a model's name over to another repository, which alone can register its next versions.
#[utoipa::path(
    patch, path = "/api/models/{name}", operation_id = "changeModel", tag = "models",
    responses((status = OK, body = ModelDetail)),
)]
pub(crate) async fn change(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    trail: Trail,
    Json(change): Json<Change>,
) -> Result<Json<ModelDetail>, ApiError> {
    let name = parse(&name)?;
    trail.object(&name);
    trail.after(format_args!("owner {}", change.owner));
    known(&backend, &name).await?;
    if backend.store.intake.repo_by_name(&change.owner).await.map_err(from_store)?.is_none() {
        return Err(not_found(format!("{} is not registered: POST /api/repos registers it", change.owner)));
    }
    backend.store.serving.hand_over(&name, &change.owner).await.map_err(from_store)?;
    known(&backend, &name).await.map(Json)
}

/// A model that has a version; 404 for others.
pub(crate) async fn known(backend: &Backend, name: &ModelName) -> Result<ModelDetail, ApiError> {
    let found = backend.store.serving.model(name).await.map_err(from_store)?;
    let (summary, deployments) = found.ok_or_else(|| not_found(format!("there is no model {name}")))?;
    Ok(ModelDetail { summary, deployments })
}

/// Which version is asked, by default the one in the environment that most depends on it; and what the answer is to hold.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the query is passed on as it came; this says what it may hold")]
pub(crate) struct PredictQuery {
    /// The version, wherever it is deployed.
    version: Option<u64>,
    /// The version deployed there.
    env: Option<Environment>,
    /// `predictions`, `probabilities` and `decision`, separated by commas; by default the first two.
    outputs: Option<String>,
    /// So many of each row's most probable classes.
    top_k: Option<u64>,
    /// Whether to tell how much each input column adds.
    explain: Option<bool>,
}

/// A model's answer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the answer is passed on as it came; this says what it looks like")]
pub(crate) struct Prediction {
    model_name: ModelName,
    /// The registry version that answered.
    model_version: u64,
    /// A label or a number for each row.
    predictions: Vec<Value>,
    /// For each row the probability of each class, where the model has them.
    #[schema(nullable = false)]
    probabilities: Option<Vec<Vec<f64>>>,
    /// A classifier's labels, in the order of the probabilities.
    #[schema(nullable = false)]
    classes: Option<Vec<Value>>,
    /// For each row its most probable classes, the most probable first.
    #[schema(nullable = false)]
    top_k: Option<Vec<Vec<Probable>>>,
    /// The estimator's method that gave the decision values: `decision_function` or `score_samples`.
    #[schema(nullable = false)]
    decision_of: Option<String>,
    /// For each row a number, or a list.
    #[schema(nullable = false)]
    decision: Option<Vec<Value>>,
    /// How much each input column adds to what is said.
    #[schema(nullable = false)]
    explanations: Option<Explanations>,
}

/// A class, and how probable it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as of a prediction")]
pub(crate) struct Probable {
    class: Value,
    probability: f64,
}

/// How much each input column adds to what is said of each row: with the base value, it sums up to that.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as of a prediction")]
pub(crate) struct Explanations {
    /// What is explained: `predictions`, `probabilities` or `scores`.
    of: String,
    /// What is said where nothing is known of a row: a number, or a list where there are several outputs.
    base_value: Value,
    /// The columns' names, or their places in an array.
    columns: Vec<Value>,
    /// For each row and column a number, or a list.
    values: Vec<Vec<Value>>,
}

/// The model-server's answer, body for body.
#[utoipa::path(
    post, path = "/api/models/{name}/predict", operation_id = "predict", tag = "models",
    params(("name" = String, Path), PredictQuery),
    request_body(content(
        (Value = "application/json"),
        (Value = "application/vnd.apache.arrow.stream"), (Value = "application/vnd.apache.arrow.file"),
    )),
    responses((status = OK, content((Prediction = "application/json"), (Value = "application/vnd.apache.arrow.stream")))),
)]
pub(crate) async fn predict(
    State(backend): State<Backend>,
    Path(name): Path<String>,
    answering: Option<Extension<Answering>>,
    request: Request,
) -> Result<Response, ApiError> {
    let environment = answering.map(|Extension(Answering(environment))| environment);
    pass_on(&backend, &parse(&name)?, environment, request.into_parts()).await
}

/// A model-server's answer to who was let in: to an environment, or to any.
pub(crate) async fn pass_on(
    backend: &Backend,
    name: &ModelName,
    environment: Option<Environment>,
    (head, body): (Parts, Body),
) -> Result<Response, ApiError> {
    let path = format!("/predict/{name}{}", asked_for(head.uri.query(), environment));
    backend.models.servers.answer(&path, (head, body), &backend.store).await
}

/// What a model-server is asked for: what the client asked for, in the environment that it was let in for.
fn asked_for(query: Option<&str>, answering: Option<Environment>) -> String {
    let query = query.filter(|query| !query.is_empty());
    let names = |query: &str| query.split('&').any(|pair| pair.starts_with("env="));
    let environment = answering.filter(|_| !query.is_some_and(names)).map(|environment| format!("env={environment}"));
    match (query, environment) {
        (None, None) => String::new(),
        (Some(query), None) => format!("?{query}"),
        (None, Some(environment)) => format!("?{environment}"),
        (Some(query), Some(environment)) => format!("?{query}&{environment}"),
    }
}
