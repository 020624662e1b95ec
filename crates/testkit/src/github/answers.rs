//! The API's answers, each computed from the repository.

use std::{
    path::{Path as Folder, PathBuf},
    sync::PoisonError,
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    Asked, Requests,
    hooks::{self, Hooks},
};

/// GitHub compares at most this many files.
const MAX_COMPARED: usize = 300;

/// What the answers are made of.
#[derive(Clone)]
pub(super) struct Root {
    /// Where the repositories lie.
    pub(super) folder: PathBuf,
    /// The port that archives come from.
    pub(super) archives: u16,
    /// Who may what.
    pub(super) hooks: Hooks,
}

/// Which part of a list.
#[derive(Deserialize)]
struct Page {
    per_page: usize,
    page: usize,
}

/// An answer, or 404.
type Answer = Result<Response, StatusCode>;

/// The API.
pub(super) fn routes(root: Root) -> Router {
    let repository = Router::new()
        .route("/", get(one))
        .route("/branches", get(branches))
        .route("/branches/{branch}", get(branch))
        .route("/compare/{range}", get(compare))
        .route("/git/trees/{commit}", get(tree))
        .route("/tarball/{commit}", get(tarball));
    let hooks = hooks::routes(root.hooks.clone());
    Router::new().nest("/api/repos/{owner}/{name}", repository).with_state(root).merge(hooks)
}

/// Where the API sends those who ask for an archive.
pub(super) fn archives(root: Root) -> Router {
    Router::new().route("/{owner}/{name}/{commit}", get(archive)).with_state(root)
}

/// The same routes, which keep what they were asked.
pub(super) fn recorded(routes: Router, requests: &Requests) -> Router {
    let keep = async |State(requests): State<Requests>, request: Request, next: Next| {
        let asked = Asked { path: request.uri().path().to_owned(), headers: request.headers().clone() };
        requests.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        next.run(request).await
    };
    routes.layer(middleware::from_fn_with_state(requests.clone(), keep))
}

async fn one(State(root): State<Root>, Path((owner, name)): Path<(String, String)>) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    if !bare.is_dir() {
        return Err(StatusCode::NOT_FOUND);
    }
    let full_name = format!("{owner}/{name}");
    if let Err(refused) = root.hooks.may_read(&full_name) {
        return Ok(refused.into_response());
    }
    Ok(Json(json!({ "id": 1, "full_name": full_name, "private": false, "default_branch": "main" })).into_response())
}

async fn branches(
    State(root): State<Root>,
    Path((owner, name)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    let listing = text(&bare, &["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"]).await?;
    let all = listing.lines().filter_map(|line| line.split_once(' '));
    let branches = all.map(|(name, commit)| json!({ "name": name, "commit": { "sha": commit }, "protected": false }));
    let page: Vec<_> = branches.skip((page.page - 1) * page.per_page).take(page.per_page).collect();
    Ok(Json(page).into_response())
}

async fn branch(State(root): State<Root>, Path((owner, name, branch)): Path<(String, String, String)>) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    let commit = text(&bare, &["show-ref", "--verify", "--hash", &format!("refs/heads/{branch}")]).await?;
    let answer = json!({ "name": branch, "commit": { "sha": commit.trim_end() }, "protected": false });
    Ok(Json(answer).into_response())
}

/// Both sides may be a branch or a commit, also one that only a fork or a pull request has; the other side of a fork is
/// written `owner:branch`.
async fn compare(State(root): State<Root>, Path((owner, name, range)): Path<(String, String, String)>) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    let (from, head) = range.split_once("...").ok_or(StatusCode::NOT_FOUND)?;
    let (from, head) = (from.rsplit(':').next().unwrap_or(from), head.rsplit(':').next().unwrap_or(head));
    let merge_base = text(&bare, &["merge-base", from, head]).await?;
    let merge_base = merge_base.trim_end();
    let changes = text(&bare, &["diff", "-z", "--name-status", "--find-renames", merge_base, head]).await?;
    let mut fields = changes.split_terminator('\0');
    let mut files: Vec<Value> = Vec::new();
    while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
        files.push(match &status[..1] {
            "A" => json!({ "status": "added", "filename": path }),
            "D" => json!({ "status": "removed", "filename": path }),
            "R" => json!({ "status": "renamed", "previous_filename": path, "filename": fields.next() }),
            _ => json!({ "status": "modified", "filename": path }),
        });
    }
    files.truncate(MAX_COMPARED);
    let count = async |range: String| {
        let counted = text(&bare, &["rev-list", "--count", &range]).await?;
        counted.trim_end().parse::<u64>().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    };
    let (ahead, behind) = (count(format!("{from}..{head}")).await?, count(format!("{head}..{from}")).await?);
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let answer = json!({
        "status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead,
        "merge_base_commit": { "sha": merge_base }, "files": files
    });
    Ok(Json(answer).into_response())
}

async fn tree(State(root): State<Root>, Path((owner, name, commit)): Path<(String, String, String)>) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    let listing = text(&bare, &["ls-tree", "-r", "-t", "-z", &commit]).await?;
    let entries = listing.split_terminator('\0').filter_map(|entry| {
        let (facts, path) = entry.split_once('\t')?;
        let mut facts = facts.split(' ');
        Some(json!({ "mode": facts.next()?, "type": facts.next()?, "sha": facts.next()?, "path": path }))
    });
    let entries: Vec<_> = entries.collect();
    Ok(Json(json!({ "sha": commit, "truncated": false, "tree": entries })).into_response())
}

async fn tarball(State(root): State<Root>, Path((owner, name, commit)): Path<(String, String, String)>) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    text(&bare, &["cat-file", "-e", &commit]).await?;
    let address = format!("http://127.0.0.1:{}/{owner}/{name}/{commit}", root.archives);
    Ok((StatusCode::FOUND, [("location", address)]).into_response())
}

async fn archive(State(root): State<Root>, Path((owner, name, commit)): Path<(String, String, String)>) -> Answer {
    let bare = super::bare(&root.folder, &format!("{owner}/{name}"));
    let prefix = format!("--prefix={owner}-{name}-1234567/");
    Ok(git(&bare, &["archive", "--format=tar.gz", &prefix, &commit]).await?.into_response())
}

async fn text(bare: &Folder, arguments: &[&str]) -> Result<String, StatusCode> {
    String::from_utf8(git(bare, arguments).await?).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn git(bare: &Folder, arguments: &[&str]) -> Result<Vec<u8>, StatusCode> {
    let answer = Command::new("git").arg("-C").arg(bare).args(arguments).kill_on_drop(true).output().await;
    let answer = answer.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    if answer.status.success() { Ok(answer.stdout) } else { Err(StatusCode::NOT_FOUND) }
}
