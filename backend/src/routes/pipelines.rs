//! `/api/pipelines`: list, show, run by hand, cancel, retry.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use contract::{
    Champion, CommitSha, GateReport, GateResult, ModelName, PipelineId, PipelineRecord, PipelineStatus, RepoName,
};
use forge::ForgeError;
use pipeline::access::{Action, Object};
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{Details, Filter, NewPipeline};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail},
    error::{bad_request, from_store, not_found},
    routes::{overview, parse, search},
};

/// How long the code host may take to find a commit on its branch.
pub(super) const ASK_HOST: Duration = Duration::from_secs(10);
/// How many items a list has when nobody says.
pub(crate) const PAGE: usize = 50;
/// How many items a list has at most.
pub(crate) const PAGE_MAX: usize = 500;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// What to give as `after` for the following page; null: there is none.
    #[schema(required)]
    pub next: Option<String>,
}

/// A page of a list whose length is known.
#[derive(Serialize, ToSchema)]
pub(crate) struct CountedPage<T> {
    /// In order.
    pub items: Vec<T>,
    /// What to give as `after` for the following page; null: there is none.
    #[schema(required)]
    pub next: Option<String>,
    /// How many items all pages have together.
    pub total: u64,
}

/// Which page of a list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// At most so many; 50 when nobody says, never more than 500.
    limit: Option<usize>,
    /// What the page before gave as `next`.
    pub after: Option<String>,
}

impl PageQuery {
    /// How many items the page has at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX)
    }

    /// The number that the page before gave.
    pub fn number(&self) -> Result<Option<u64>, ApiError> {
        let parse = |after: &str| after.parse().map_err(|_| bad_request("bad_page", "after must be what `next` was"));
        self.after.as_deref().map(parse).transpose()
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Of this repository, `owner/name`.
    repo: Option<String>,
    /// In this status.
    #[param(value_type = Option<PipelineStatus>)]
    status: Option<String>,
    /// That make this model.
    model: Option<String>,
    /// Of this branch.
    branch: Option<String>,
    /// With each of these words in the names of its repository, branch, notebook or model, or at the beginning of its commit; in
    /// capital or small letters.
    search: Option<String>,
    /// Only those that need a person, as `/api/overview` counts them.
    #[serde(default)]
    attention: bool,
    /// At most so many; 50 when nobody says, never more than 500.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Pipelines, newest first.
#[utoipa::path(
    get, path = "/api/pipelines", operation_id = "listPipelines", tag = "pipelines", params(ListQuery),
    responses((status = OK, body = CountedPage<PipelineRecord>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<CountedPage<PipelineRecord>>, ApiError> {
    let status = query.status.as_deref().map(|word| {
        let words = || PipelineStatus::ALL.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ");
        PipelineStatus::from_word(word)
            .ok_or_else(|| bad_request("bad_status", format!("there is no such status; there are {}", words())))
    });
    let filter = Filter {
        scope: caller.scope(&Action::See),
        repo: query.repo.as_deref().map(parse::<RepoName>).transpose()?,
        status: status.transpose()?,
        model: query.model.as_deref().map(parse::<ModelName>).transpose()?,
        branch: query.branch,
        search: search(query.search)?,
        attention_since: query.attention.then(overview::since),
        limit: query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
        after: query.after.as_deref().map(parse::<PipelineId>).transpose()?,
    };
    let pipelines = &backend.store.pipelines;
    let (page, total) = tokio::try_join!(pipelines.pipelines(&filter), pipelines.count(&filter)).map_err(from_store)?;
    Ok(Json(CountedPage { items: page.0, next: page.1.map(|id| id.to_string()), total }))
}

/// A pipeline, with all that is known of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PipelineDetail {
    #[serde(flatten)]
    record: PipelineRecord,
    /// Whether a person started it, not a push.
    manual: bool,
    /// The delivery that started it.
    #[schema(required)]
    delivery_id: Option<String>,
    /// How many lines its log has.
    log_lines: u64,
    /// Each gate in the notebook's order; none before they have decided.
    gates: Vec<GateResult>,
    /// The version that was deployed when the gates decided; null: none was.
    #[schema(required)]
    champion: Option<Champion>,
    links: PipelineLinks,
}

/// Where people read on.
#[derive(Serialize, ToSchema)]
pub(crate) struct PipelineLinks {
    /// The commit on its code host; null for a repository of the local remote.
    #[schema(required)]
    commit: Option<String>,
    /// The MLflow run, once there is one.
    #[schema(required)]
    mlflow_run: Option<String>,
}

/// A pipeline.
#[utoipa::path(
    get, path = "/api/pipelines/{id}", operation_id = "getPipeline", tag = "pipelines",
    responses((status = OK, body = PipelineDetail)),
)]
pub(crate) async fn one(State(backend): State<Backend>, Path(id): Path<String>) -> Result<Json<PipelineDetail>, ApiError> {
    let id = parse(&id)?;
    let record = backend.store.pipelines.pipeline(id).await.map_err(from_store)?;
    let Details { manual, delivery_id, log_lines, gate_report } =
        backend.store.pipelines.details(id).await.map_err(from_store)?;
    let GateReport { gates, champion } = gate_report.unwrap_or_default();
    let links = PipelineLinks {
        commit: backend.host(&record.repo).commit_page(&record.repo, &record.commit_sha),
        mlflow_run: record.mlflow_run_id.as_deref().map(|run| backend.models.mlflow_pages.run(run)),
    };
    Ok(Json(PipelineDetail { record, manual, delivery_id, log_lines, gates, champion, links }))
}

/// A notebook to run by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPipeline)]
pub(crate) struct NewRun {
    /// A registered repository.
    repo: RepoName,
    /// A branch's commit, in full.
    #[serde(rename = "ref")]
    commit: CommitSha,
    /// The branch it is of; null: `main`.
    #[serde(default)]
    branch: Option<String>,
    /// The notebook's path in the repository.
    notebook_path: String,
    /// What the cell tagged `parameters` is overridden with.
    #[serde(default)]
    parameters: BTreeMap<String, serde_json::Value>,
}

/// Runs a notebook of a registered repository by hand.
#[utoipa::path(
    post, path = "/api/pipelines", operation_id = "createPipeline", tag = "pipelines",
    responses((status = ACCEPTED, body = PipelineRecord)),
)]
pub(crate) async fn create(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Json(new): Json<NewRun>,
) -> Result<(StatusCode, Json<PipelineRecord>), ApiError> {
    let object = Object { repo: Some(new.repo.clone()), model: None };
    trail.about(&object);
    caller.require(&Action::Run, &object)?;
    trail.object(&new.repo);
    trail.after(format_args!("{} of {}", new.notebook_path, new.commit));
    if backend.store.intake.repo_by_name(&new.repo).await.map_err(from_store)?.is_none() {
        return Err(not_found(format!("{} is not registered: POST /api/repos registers it", new.repo)));
    }
    if !pipeline::is_notebook(&new.notebook_path) {
        return Err(bad_request("bad_notebook_path", "notebook_path must be the path of an .ipynb file in the repository"));
    }
    let NewRun { repo, commit, notebook_path, branch, parameters } = new;
    let branch = branch.unwrap_or_else(|| "main".to_owned());
    check_branch(&backend, &repo, &commit, &branch).await?;
    let pipeline = NewPipeline {
        repo,
        branch,
        commit_sha: commit,
        notebook_path,
        parameters,
        delivery_id: None,
        manual: true,
        traceparent: service::telemetry::current_traceparent(),
    };
    let id = backend.store.intake.create_pipeline(pipeline).await.map_err(from_store)?;
    backend.bus.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(backend.store.pipelines.pipeline(id).await.map_err(from_store)?)))
}

/// Refuses a commit that is not on the branch it is to run as: a fork's, or a pull request's that nobody accepted.
///
/// It is checked here, where it is asked for, and not again by the worker: this is the only way in without a signed push, and
/// the refusal can be said to whoever asks. A commit that leaves the branch later was on it when somebody chose it.
async fn check_branch(backend: &Backend, repo: &RepoName, commit: &CommitSha, branch: &str) -> Result<(), ApiError> {
    let refused = |code, detail| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
    check_branch_name(branch)?;
    match backend.host(repo).is_on_branch(repo, commit, branch, ASK_HOST).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused(
            "commit_not_on_branch",
            format!("the commit {} is not on the branch {branch} of {repo}, so it can't run as {branch}", commit.short()),
        )),
        Err(error @ ForgeError::NotFound(_)) => Err(refused("unknown_commit", error.to_string())),
        Err(error) => {
            tracing::warn!(%repo, %error, "the code host can't say whether a commit is on its branch");
            let detail = format!("the code host can't say whether the commit is on {branch}: {error}");
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "host_unavailable", detail))
        }
    }
}

/// Refuses what no branch can be named: git and GitHub might read it as something else.
pub(super) fn check_branch_name(branch: &str) -> Result<(), ApiError> {
    if branch.is_empty() || branch.starts_with(['-', '/']) || branch.contains("..") || !branch.chars().all(may_name_branch) {
        let detail = "branch must be the name of a branch";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_branch", detail));
    }
    Ok(())
}

/// Source: git-check-ref-format.
fn may_name_branch(letter: char) -> bool {
    !letter.is_control() && !letter.is_whitespace() && !"~^:?*[\\{".contains(letter)
}

/// Asks for a pipeline to end.
#[utoipa::path(
    post, path = "/api/pipelines/{id}/cancel", operation_id = "cancelPipeline", tag = "pipelines",
    responses((status = ACCEPTED, body = PipelineRecord)),
)]
pub(crate) async fn cancel(
    State(backend): State<Backend>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<PipelineRecord>), ApiError> {
    let id = parse(&id)?;
    backend.store.pipelines.request_cancel(id).await.map_err(from_store)?;
    Ok((StatusCode::ACCEPTED, Json(backend.store.pipelines.pipeline(id).await.map_err(from_store)?)))
}

/// Goes on from the phase that failed.
#[utoipa::path(
    post, path = "/api/pipelines/{id}/retry", operation_id = "retryPipeline", tag = "pipelines",
    responses((status = ACCEPTED, body = PipelineRecord)),
)]
pub(crate) async fn retry(
    State(backend): State<Backend>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<PipelineRecord>), ApiError> {
    let id = parse(&id)?;
    backend.store.pipelines.retry(id).await.map_err(from_store)?;
    backend.bus.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(backend.store.pipelines.pipeline(id).await.map_err(from_store)?)))
}
