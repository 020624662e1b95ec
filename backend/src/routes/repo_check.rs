//! `POST /api/repos/check`: what registering a repository would find. Changes nothing.

use axum::{Json, extract::State, http::HeaderMap};
use contract::{FileChanges, RepoName};
use forge::{ForgeError, Host, Overview};
use pipeline::{
    Trigger,
    access::{Action, Object},
};
use serde::Serialize;
use service::ApiError;
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::Caller,
    error::from_store,
    hooks::{self, PATIENCE, Webhook},
    routes::repos::{NewRepo, trigger},
};

/// How many notebooks, and how many branches, are named.
const NAMED: usize = 100;

/// What registering a repository would find.
#[derive(Serialize, ToSchema)]
pub(crate) struct RepoCheck {
    full_name: RepoName,
    /// Whether mlsys can read it.
    access: RepoAccess,
    /// The same in words.
    detail: String,
    /// Whether only some may see it; null: that is not known.
    #[schema(required)]
    private: Option<bool>,
    /// null: that is not known.
    #[schema(required)]
    default_branch: Option<String>,
    /// The branches that match, the default one first; of many, some.
    branches: Vec<String>,
    /// The notebooks of the first of these branches that match; of many, some.
    notebooks: Vec<String>,
    /// How many match.
    notebooks_total: u64,
    /// What it is registered as; null: it is not.
    #[schema(required)]
    registered_id: Option<i64>,
    webhook: Webhook,
}

/// Whether a repository can be read.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RepoAccess {
    /// It can.
    Ok,
    /// There is none of this name, or the token may not know of it.
    NotFound,
    /// The token may not read it.
    Forbidden,
    /// The code host did not answer, or not usably.
    Unreachable,
}

/// What was found in the repository.
#[derive(Default)]
struct Found {
    private: Option<bool>,
    default_branch: Option<String>,
    branches: Vec<String>,
    notebooks: Vec<String>,
}

/// What registering a repository would find; nothing is changed.
#[utoipa::path(
    post, path = "/api/repos/check", operation_id = "checkRepo", tag = "repos",
    responses((status = OK, body = RepoCheck)),
)]
pub(crate) async fn check(
    State(backend): State<Backend>,
    headers: HeaderMap,
    caller: Caller,
    Json(new): Json<NewRepo>,
) -> Result<Json<RepoCheck>, ApiError> {
    caller.require(&Action::Repositories, &Object { repo: Some(new.full_name.clone()), model: None })?;
    let trigger = trigger(&new.branch, &new.notebook_glob)?;
    let repo = &new.full_name;
    let registered = backend.store.intake.repo_by_name(repo).await.map_err(from_store)?;
    let mut found = Found::default();
    let base = hooks::base(&backend, &headers);
    let looked = look(backend.host(repo), repo, &trigger, &mut found);
    let (looked, webhook) = tokio::join!(looked, hooks::look(&backend, repo, &base));
    let (access, detail) = match looked {
        Ok(()) => (RepoAccess::Ok, "The repository can be read.".to_owned()),
        Err(error) => (access(&error), format!("{error}.")),
    };
    let notebooks_total = found.notebooks.len() as u64;
    found.notebooks.truncate(NAMED);
    found.branches.truncate(NAMED);
    let Found { private, default_branch, branches, notebooks } = found;
    let registered_id = registered.map(|repo| repo.id);
    let full_name = new.full_name;
    Ok(Json(RepoCheck {
        full_name,
        access,
        detail,
        private,
        default_branch,
        branches,
        notebooks,
        notebooks_total,
        registered_id,
        webhook,
    }))
}

/// What is found before something fails is kept.
async fn look(host: &Host, repo: &RepoName, trigger: &Trigger, found: &mut Found) -> Result<(), ForgeError> {
    let Overview { private, default_branch, mut branches } = host.overview(repo, PATIENCE).await?;
    branches.retain(|branch| trigger.runs_on(&branch.name));
    branches.sort_by_key(|branch| branch.name != default_branch);
    found.branches = branches.iter().map(|branch| branch.name.clone()).collect();
    (found.private, found.default_branch) = (private, Some(default_branch));
    if let Some(first) = branches.first() {
        let files = host.files(repo, &first.commit, PATIENCE).await?;
        let changes = FileChanges { added_or_modified: files.into_iter().collect(), ..FileChanges::default() };
        found.notebooks = trigger.notebooks(&changes);
    }
    Ok(())
}

fn access(error: &ForgeError) -> RepoAccess {
    match error {
        ForgeError::NotFound(_) => RepoAccess::NotFound,
        ForgeError::Forbidden(_) => RepoAccess::Forbidden,
        _ => RepoAccess::Unreachable,
    }
}
