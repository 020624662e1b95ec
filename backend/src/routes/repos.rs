//! `/api/repos`: which repositories run their notebooks.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use contract::{RepoName, Scope};
use jiff::Timestamp;
use pipeline::{
    Trigger,
    access::{Action, Object},
};
use serde::{Deserialize, Deserializer, Serialize};
use service::ApiError;
use store::{Repo, RepoChange};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail},
    error::{bad_request, from_store},
    hooks::{self, Webhook},
    routes::{
        pipelines::{CountedPage, PAGE, PAGE_MAX},
        search,
        webhook::ALL_NOTEBOOKS,
    },
};

/// How long a webhook's secret stays valid beside the one that replaces it.
const OLD_SECRET: Duration = Duration::from_hours(24);

/// A registered repository, and what its webhook needs.
#[derive(Serialize, ToSchema)]
#[schema(as = Repo)]
pub(crate) struct RepoView {
    id: i64,
    /// Its name on the code host.
    full_name: RepoName,
    /// Branches whose pushes run, as comma-separated globs.
    branch: String,
    /// The notebooks that run, as a glob of their paths.
    notebook_glob: String,
    /// Processors of a pipeline's pod, as a Kubernetes quantity; null: as the runner is set.
    #[schema(required)]
    cpu: Option<String>,
    /// Memory of a pipeline's pod, as a Kubernetes quantity; null: as the runner is set.
    #[schema(required)]
    memory: Option<String>,
    created_at: Timestamp,
    /// When its last push arrived that ran something; null: none did.
    #[schema(required)]
    last_delivery_at: Option<Timestamp>,
    webhook: Webhook,
    /// What its webhook must be given, where that is for a person to do. Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    webhook_secret: Option<String>,
}

impl RepoView {
    fn new(backend: &Backend, repo: Repo, last_delivery_at: Option<Timestamp>, base: &str) -> Self {
        let Repo { id, full_name, branch, notebook_glob, cpu, memory, created_at } = repo;
        let webhook = backend.repos.hooks.known(&full_name, last_delivery_at, base);
        Self {
            id,
            full_name,
            branch,
            notebook_glob,
            cpu,
            memory,
            created_at,
            last_delivery_at,
            webhook,
            webhook_secret: None,
        }
    }
}

async fn view(backend: &Backend, repo: Repo, headers: &HeaderMap) -> Result<RepoView, ApiError> {
    let only = Scope::Only { repos: [repo.full_name.clone()].into(), models: [].into() };
    let last = backend.store.intake.last_deliveries(&only).await.map_err(from_store)?.remove(&repo.full_name);
    Ok(RepoView::new(backend, repo, last, &hooks::base(backend, headers)))
}

/// A repository to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRepo {
    /// Its name on the code host.
    pub(crate) full_name: RepoName,
    /// Branches whose pushes run, as comma-separated globs.
    #[serde(default = "main_branch")]
    pub(crate) branch: String,
    /// The notebooks that run, as a glob of their paths.
    #[serde(default = "all_notebooks")]
    pub(crate) notebook_glob: String,
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
    /// The notebooks that run, as a glob of their paths.
    #[schema(nullable = false)]
    notebook_glob: Option<String>,
    /// Processors of a pipeline's pod, as a Kubernetes quantity; null: as the runner is set.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    cpu: Option<Size>,
    /// Memory of a pipeline's pod, as a Kubernetes quantity; null: as the runner is set.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    memory: Option<Size>,
}

/// A quantity, or null.
#[derive(Deserialize)]
#[serde(transparent)]
struct Size(Option<String>);

/// A value that is there, be it null.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Size>, D::Error> {
    Size::deserialize(value).map(Some)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only this one.
    #[param(value_type = Option<String>)]
    repo: Option<RepoName>,
    /// With each of these words in its name.
    search: Option<String>,
    /// Only those whose webhook needs a person, as `/api/overview` counts them.
    #[serde(default)]
    attention: bool,
    /// At most so many; 50 when nobody says, never more than 500.
    limit: Option<usize>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The registered repositories, by name.
#[utoipa::path(
    get, path = "/api/repos", operation_id = "listRepos", tag = "repos", params(ListQuery),
    responses((status = OK, body = CountedPage<RepoView>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> Result<Json<CountedPage<RepoView>>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let wanted = search(query.search)?.unwrap_or_default().to_lowercase();
    let (intake, scope) = (&backend.store.intake, caller.scope(&Action::See));
    let (repos, mut last) = tokio::try_join!(intake.repos(&scope), intake.last_deliveries(&scope)).map_err(from_store)?;
    let base = hooks::base(&backend, &headers);
    let mut found: Vec<_> = repos
        .into_iter()
        .filter(|repo| query.repo.as_ref().is_none_or(|name| repo.full_name == *name))
        .filter(|repo| {
            let name = repo.full_name.as_str().to_lowercase();
            wanted.split_whitespace().all(|word| name.contains(word))
        })
        .map(|repo| {
            let last = last.remove(&repo.full_name);
            RepoView::new(&backend, repo, last, &base)
        })
        .filter(|repo| !query.attention || repo.last_delivery_at.is_none() && repo.webhook.state.needs_person())
        .collect();
    let total = found.len() as u64;
    // The database and this process may order names differently.
    found.sort_by(|one, other| one.full_name.as_str().cmp(other.full_name.as_str()));
    found.retain(|repo| query.after.as_deref().is_none_or(|after| repo.full_name.as_str() > after));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|last| last.full_name.to_string()).filter(|_| more);
    Ok(Json(CountedPage { items: found, next, total }))
}

/// A repository.
#[utoipa::path(get, path = "/api/repos/{id}", operation_id = "getRepo", tag = "repos", responses((status = OK, body = RepoView)))]
pub(crate) async fn one(
    State(backend): State<Backend>,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Json<RepoView>, ApiError> {
    Ok(Json(view(&backend, registered(&backend, id).await?, &headers).await?))
}

pub(crate) async fn registered(backend: &Backend, id: i64) -> Result<Repo, ApiError> {
    let found = backend.store.intake.repo(id).await.map_err(from_store)?;
    found.ok_or_else(|| from_store(store::StoreError::NotFound))
}

/// A repository that something is to be changed of.
async fn to_change(backend: &Backend, id: i64, trail: &Trail) -> Result<Repo, ApiError> {
    let repo = registered(backend, id).await?;
    trail.object(&repo.full_name);
    Ok(repo)
}

/// Registers a repository: its pushes run notebooks from now on. Its webhook is added where the token may.
#[utoipa::path(post, path = "/api/repos", operation_id = "addRepo", tag = "repos", responses((status = CREATED, body = RepoView)))]
pub(crate) async fn add(
    State(backend): State<Backend>,
    headers: HeaderMap,
    caller: Caller,
    trail: Trail,
    Json(new): Json<NewRepo>,
) -> Result<(StatusCode, Json<RepoView>), ApiError> {
    let object = Object { repo: Some(new.full_name.clone()), model: None };
    trail.about(&object);
    caller.require(&Action::Repositories, &object)?;
    trail.object(&new.full_name);
    trail.after(format_args!("branches {}, notebooks {}", new.branch, new.notebook_glob));
    trigger(&new.branch, &new.notebook_glob)?;
    let repo = backend.store.intake.add_repo(&new.full_name, &new.branch, &new.notebook_glob).await.map_err(from_store)?;
    let shown = new_secret(&backend, &repo, &headers, Duration::ZERO).await?;
    Ok((StatusCode::CREATED, Json(RepoView { webhook_secret: shown, ..view(&backend, repo, &headers).await? })))
}

/// Adds a repository's webhook on GitHub, or sets it right; the answer says how it stands.
#[utoipa::path(
    post, path = "/api/repos/{id}/webhook", operation_id = "installWebhook", tag = "repos",
    responses((status = OK, body = RepoView)),
)]
pub(crate) async fn install_webhook(
    State(backend): State<Backend>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    trail: Trail,
) -> Result<Json<RepoView>, ApiError> {
    let repo = to_change(&backend, id, &trail).await?;
    trail.after("its webhook");
    hooks::install(&backend, &repo.full_name, &hooks::base(&backend, &headers)).await.map_err(from_store)?;
    Ok(Json(view(&backend, repo, &headers).await?))
}

/// Gives a repository a new secret, what its deliveries are signed with. The webhook is told where the token may; else the
/// answer has it, this once. The one before stays valid for a day, or until it is removed.
#[utoipa::path(
    post, path = "/api/repos/{id}/webhook-secret", operation_id = "renewWebhookSecret", tag = "repos",
    responses((status = OK, body = RepoView)),
)]
pub(crate) async fn renew_secret(
    State(backend): State<Backend>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    trail: Trail,
) -> Result<Json<RepoView>, ApiError> {
    let repo = to_change(&backend, id, &trail).await?;
    trail.after("a new webhook secret");
    if repo.full_name.is_local() {
        return Err(bad_request("local_repo", "repositories of the local remote have no secrets of their own"));
    }
    let shown = new_secret(&backend, &repo, &headers, OLD_SECRET).await?;
    Ok(Json(RepoView { webhook_secret: shown, ..view(&backend, repo, &headers).await? }))
}

/// Makes the secret before the present one invalid at once.
#[utoipa::path(
    delete, path = "/api/repos/{id}/webhook-secret", operation_id = "removeOldWebhookSecret", tag = "repos",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn remove_old_secret(
    State(backend): State<Backend>,
    Path(id): Path<i64>,
    trail: Trail,
) -> Result<StatusCode, ApiError> {
    let repo = to_change(&backend, id, &trail).await?;
    trail.after("its old webhook secret is invalid");
    backend.store.intake.remove_old_webhook_secret(&repo.full_name).await.map_err(from_store)?;
    backend.repos.known.forget();
    Ok(StatusCode::NO_CONTENT)
}

/// The new secret, where a person has to enter it. The local remote signs with one of its own.
async fn new_secret(backend: &Backend, repo: &Repo, headers: &HeaderMap, old: Duration) -> Result<Option<String>, ApiError> {
    if repo.full_name.is_local() {
        return Ok(None);
    }
    let base = hooks::base(backend, headers);
    let secret = hooks::renew(backend, &repo.full_name, &base, old).await.map_err(from_store)?;
    Ok(secret.map(|secret| secret.expose().to_owned()))
}

/// Changes a repository's settings.
#[utoipa::path(
    patch, path = "/api/repos/{id}", operation_id = "changeRepo", tag = "repos",
    responses((status = OK, body = RepoView)),
)]
pub(crate) async fn change(
    State(backend): State<Backend>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    trail: Trail,
    Json(change): Json<Change>,
) -> Result<Json<RepoView>, ApiError> {
    trigger(change.branch.as_deref().unwrap_or("main"), change.notebook_glob.as_deref().unwrap_or(ALL_NOTEBOOKS))?;
    let cpu = change.cpu.as_ref().map(|Size(cpu)| cpu.as_deref());
    let memory = change.memory.as_ref().map(|Size(memory)| memory.as_deref());
    cpu.flatten().map(|cpu| check_quantity("cpu", cpu)).transpose()?;
    memory.flatten().map(|memory| check_quantity("memory", memory)).transpose()?;
    let (branch, notebook_glob) = (change.branch.as_deref(), change.notebook_glob.as_deref());
    let change = RepoChange { branch, notebook_glob, cpu, memory };
    let before = to_change(&backend, id, &trail).await?;
    trail.before(summary(&before));
    let repo = backend.store.intake.update_repo(id, change).await.map_err(from_store)?;
    trail.after(summary(&repo));
    backend.repos.known.forget();
    Ok(Json(view(&backend, repo, &headers).await?))
}

/// Forgets a repository: its pushes run nothing any more; its pipelines stay.
#[utoipa::path(delete, path = "/api/repos/{id}", operation_id = "removeRepo", tag = "repos", responses((status = NO_CONTENT)))]
pub(crate) async fn remove(
    State(backend): State<Backend>,
    trail: Trail,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    let before = to_change(&backend, id, &trail).await?;
    trail.before(summary(&before));
    backend.store.intake.delete_repo(id).await.map_err(from_store)?;
    backend.repos.known.forget();
    Ok(StatusCode::NO_CONTENT)
}

/// A repository's settings, for the audit log.
fn summary(repo: &Repo) -> String {
    let Repo { branch, notebook_glob, cpu, memory, .. } = repo;
    let set = |size: &Option<String>| size.clone().unwrap_or_else(|| "as the runner".to_owned());
    format!("branches {branch}, notebooks {notebook_glob}, cpu {}, memory {}", set(cpu), set(memory))
}

/// What branches and notebooks run, if both are patterns.
pub(crate) fn trigger(branch: &str, notebook_glob: &str) -> Result<Trigger, ApiError> {
    if branch.split(',').all(|pattern| pattern.trim().is_empty()) {
        return Err(bad_request("bad_branch", "branch must name at least one branch, e.g. main or main,release/*"));
    }
    Trigger::new(branch, notebook_glob).map_err(|error| bad_request("bad_glob", error.to_string()))
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
