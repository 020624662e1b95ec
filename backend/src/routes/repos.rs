//! `/api/repos`: which repositories run their notebooks.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use contract::RepoName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{Repo, RepoChange};
use utoipa::ToSchema;

use crate::{
    Backend,
    error::{bad_request, from_store},
    routes::{pipelines::Page, webhook::ALL_NOTEBOOKS},
};

/// A registered repository, and what its webhook needs.
#[derive(Serialize, ToSchema)]
#[schema(as = Repo)]
pub(crate) struct RepoView {
    id: i64,
    /// Its name on the code host.
    full_name: RepoName,
    /// Branches whose pushes run, as comma-separated globs.
    branch: String,
    /// The notebooks that run, as comma-separated globs.
    notebook_glob: String,
    /// Processors of a pipeline's pod, as a Kubernetes quantity; null: as the runner is set.
    #[schema(required)]
    cpu: Option<String>,
    /// Memory of a pipeline's pod, as a Kubernetes quantity; null: as the runner is set.
    #[schema(required)]
    memory: Option<String>,
    created_at: Timestamp,
    webhook: Webhook,
}

/// What to enter under the repository's Settings → Webhooks on GitHub.
#[derive(Serialize, ToSchema)]
pub(crate) struct Webhook {
    path: &'static str,
    content_type: &'static str,
    events: [&'static str; 1],
    secret: &'static str,
}

impl From<Repo> for RepoView {
    fn from(repo: Repo) -> Self {
        let Repo { id, full_name, branch, notebook_glob, cpu, memory, created_at } = repo;
        let webhook = Webhook {
            path: "/webhook/github",
            content_type: "application/json",
            events: ["push"],
            secret: "the value of GITHUB_WEBHOOK_SECRET",
        };
        Self { id, full_name, branch, notebook_glob, cpu, memory, created_at, webhook }
    }
}

/// A repository to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRepo {
    /// Its name on the code host.
    full_name: RepoName,
    /// Branches whose pushes run, as comma-separated globs.
    #[serde(default = "main_branch")]
    branch: String,
    /// The notebooks that run, as comma-separated globs.
    #[serde(default = "all_notebooks")]
    notebook_glob: String,
}

fn main_branch() -> String {
    "main".to_owned()
}

fn all_notebooks() -> String {
    ALL_NOTEBOOKS.to_owned()
}

/// What is to change of a repository; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RepoChange)]
pub(crate) struct Change {
    /// Branches whose pushes run, as comma-separated globs.
    #[schema(nullable = false)]
    branch: Option<String>,
    /// The notebooks that run, as comma-separated globs.
    #[schema(nullable = false)]
    notebook_glob: Option<String>,
    /// Processors of a pipeline's pod, as a Kubernetes quantity.
    cpu: Option<String>,
    /// Memory of a pipeline's pod, as a Kubernetes quantity.
    memory: Option<String>,
}

/// The registered repositories.
#[utoipa::path(get, path = "/api/repos", operation_id = "listRepos", tag = "repos", responses((status = OK, body = Page<RepoView>)))]
pub(crate) async fn list(State(backend): State<Backend>) -> Result<Json<Page<RepoView>>, ApiError> {
    let repos = backend.store.repos().await.map_err(from_store)?;
    Ok(Json(Page { items: repos.into_iter().map(RepoView::from).collect(), next: None }))
}

/// A repository.
#[utoipa::path(get, path = "/api/repos/{id}", operation_id = "getRepo", tag = "repos", responses((status = OK, body = RepoView)))]
pub(crate) async fn one(State(backend): State<Backend>, Path(id): Path<i64>) -> Result<Json<RepoView>, ApiError> {
    let repos = backend.store.repos().await.map_err(from_store)?;
    let found = repos.into_iter().find(|repo| repo.id == id).ok_or_else(|| from_store(store::StoreError::NotFound))?;
    Ok(Json(found.into()))
}

/// Registers a repository: its pushes run notebooks from now on.
#[utoipa::path(post, path = "/api/repos", operation_id = "addRepo", tag = "repos", responses((status = CREATED, body = RepoView)))]
pub(crate) async fn add(
    State(backend): State<Backend>,
    Json(new): Json<NewRepo>,
) -> Result<(StatusCode, Json<RepoView>), ApiError> {
    check_glob(&new.notebook_glob)?;
    check_branch(&new.branch)?;
    let repo = backend.store.add_repo(&new.full_name, &new.branch, &new.notebook_glob).await.map_err(from_store)?;
    Ok((StatusCode::CREATED, Json(repo.into())))
}

/// Changes a repository's settings.
#[utoipa::path(
    patch, path = "/api/repos/{id}", operation_id = "changeRepo", tag = "repos",
    responses((status = OK, body = RepoView)),
)]
pub(crate) async fn change(
    State(backend): State<Backend>,
    Path(id): Path<i64>,
    Json(change): Json<Change>,
) -> Result<Json<RepoView>, ApiError> {
    change.notebook_glob.as_deref().map(check_glob).transpose()?;
    change.branch.as_deref().map(check_branch).transpose()?;
    let store = &backend.store;
    change.cpu.as_deref().map(|cpu| check_quantity("cpu", cpu)).transpose()?;
    change.memory.as_deref().map(|memory| check_quantity("memory", memory)).transpose()?;
    let change = RepoChange {
        branch: change.branch.as_deref(),
        notebook_glob: change.notebook_glob.as_deref(),
        cpu: change.cpu.as_deref(),
        memory: change.memory.as_deref(),
    };
    let repo = store.update_repo(id, change).await.map_err(from_store)?;
    backend.known_repos.forget();
    Ok(Json(repo.into()))
}

/// Forgets a repository: its pushes run nothing any more; its pipelines stay.
#[utoipa::path(delete, path = "/api/repos/{id}", operation_id = "removeRepo", tag = "repos", responses((status = NO_CONTENT)))]
pub(crate) async fn remove(State(backend): State<Backend>, Path(id): Path<i64>) -> Result<StatusCode, ApiError> {
    backend.store.delete_repo(id).await.map_err(from_store)?;
    backend.known_repos.forget();
    Ok(StatusCode::NO_CONTENT)
}

fn check_glob(glob: &str) -> Result<(), ApiError> {
    pipeline::Trigger::new("", glob).map(drop).map_err(|error| bad_request("bad_glob", error.to_string()))
}

fn check_branch(branch: &str) -> Result<(), ApiError> {
    if branch.trim().is_empty() {
        return Err(bad_request("bad_branch", "branch must name at least one branch, e.g. main or main,release/*"));
    }
    Ok(())
}

/// Source: Kubernetes's documentation of quantities, in the forms that people write.
fn check_quantity(name: &str, quantity: &str) -> Result<(), ApiError> {
    let end = quantity.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(end);
    let units: &[&str] = if name == "cpu" { &["", "m"] } else { &["", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"] };
    if number.parse::<f64>().is_ok_and(|number| number > 0.0) && units.contains(&unit) {
        return Ok(());
    }
    let example = if name == "cpu" { "2 or 500m" } else { "4Gi or 512Mi" };
    Err(bad_request("bad_quantity", format!("{name} must be a Kubernetes quantity such as {example}")))
}
