//! What repositories' files declare: what came of them, and what those of a push would change.

use axum::{
    Json,
    extract::{Path, State},
};
use contract::{CommitSha, RepoName};
use declared::{Data, File, Problem, Report, Repository, branches, difference};
use jiff::Timestamp;
use pipeline::access::{Action, Object};
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::Declaration;
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::Caller,
    error::{bad_request, from_store, internal, not_found},
    routes::repos::registered,
};

/// How many files may be sent at once.
const MOST: usize = 200;

/// What came of a repository's files when they were last read.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeclaredView {
    /// The branch that they are of; null: they were not read yet, or none of the repository's branches is there.
    #[schema(required)]
    branch: Option<String>,
    /// The commit that was read.
    #[schema(required)]
    commit_sha: Option<CommitSha>,
    /// When.
    #[schema(required)]
    read_at: Option<Timestamp>,
    /// What was changed then, or why nothing was.
    report: Report,
}

/// Files that may be pushed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToCompare {
    /// The repository.
    repo: RepoName,
    /// All its files.
    files: Vec<FileText>,
}

/// A file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileText {
    /// Its path in the repository; it ends with `mlsys.toml`.
    path: String,
    /// All that it says.
    text: String,
}

/// What came of a repository's `mlsys.toml` files when they were last read, which is after each push that changes one.
#[utoipa::path(
    get, path = "/api/repos/{id}/declared", operation_id = "getDeclared", tag = "schedules",
    responses((status = OK, body = DeclaredView)),
)]
pub(crate) async fn one(State(backend): State<Backend>, Path(id): Path<i64>) -> Result<Json<DeclaredView>, ApiError> {
    let repo = registered(&backend, id).await?;
    let found = backend.store.schedules.declaration(&repo.full_name).await.map_err(from_store)?.unwrap_or_default();
    let Declaration { branch, commit, report, read_at, .. } = found;
    let report = report.map_or_else(|| Ok(Report::default()), serde_json::from_value).map_err(internal)?;
    Ok(Json(DeclaredView { branch, commit_sha: commit, read_at, report }))
}

/// What a push of these files would change of the schedules. Changes nothing.
#[utoipa::path(
    post, path = "/api/schedules/difference", operation_id = "compareSchedules", tag = "schedules",
    responses((status = OK, body = Report)),
)]
pub(crate) async fn compare(
    State(backend): State<Backend>,
    caller: Caller,
    Json(ToCompare { repo, files }): Json<ToCompare>,
) -> Result<Json<Report>, ApiError> {
    caller.require(&Action::Validate, &Object { repo: Some(repo.clone()), model: None })?;
    let known = backend.store.intake.repo_by_name(&repo).await.map_err(from_store)?;
    if known.is_none() && !repo.is_local() {
        return Err(not_found(format!("{repo} is not registered: POST /api/repos registers it")));
    }
    if files.len() > MOST {
        return Err(bad_request("too_many_files", format!("there may be at most {MOST} files")));
    }
    let (mut read, mut problems): (Vec<_>, Vec<Problem>) = (Vec::new(), Vec::new());
    for FileText { path, text } in files {
        if !pipeline::declares(&path) {
            return Err(bad_request("bad_path", "path must be that of a file called mlsys.toml in the repository"));
        }
        match File::read(&path, &text) {
            Ok(file) => read.push((path, file)),
            Err(wrong) => problems.extend(wrong),
        }
    }
    // Which one of them is there is the code host's to say; the first one nearly always is.
    let branch = branches(known.as_ref().map_or("main", |repo| &repo.branch)).next().unwrap_or("main");
    let data = Data::of(&backend.store, &repo).await.map_err(from_store)?;
    let repository = Repository { name: &repo, branch, data: &data };
    let found = difference(&backend.store, repository, &read).await.map_err(from_store)?;
    let mut report = found.report();
    report.problems.splice(0..0, problems);
    if !report.problems.is_empty() {
        report.changes.clear();
    }
    Ok(Json(report))
}
