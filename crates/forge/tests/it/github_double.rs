//! GitHub's answers, computed from a real repository.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use forge::{GitHub, Host};
use serde_json::{Value, json};

use crate::project::{Project, git, git_bytes, git_command};

/// What a double needs and what it saw.
#[derive(Clone)]
struct Double {
    bare: PathBuf,
    archives: String,
    requests: Requests,
}

/// Requests in order: path and authorization.
pub type Requests = Arc<Mutex<Vec<(String, Option<String>)>>>;

pub const TOKEN: &str = "a-token";

/// Serves on a free port; returns the URL.
pub async fn serve(routes: Router) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// GitHub with the project's repository, its archives on another host as GitHub has them.
pub async fn github(project: &Project) -> (Host, Requests) {
    let requests = Requests::default();
    let mut double = Double { bare: project.bare.clone(), archives: String::new(), requests: requests.clone() };
    let archives = Router::new().route("/{commit}", get(archive)).with_state(double.clone());
    double.archives = serve(archives).await;
    let repository = Router::new()
        .route("/", get(async || Json(json!({ "default_branch": "main", "id": 1 }))))
        .route("/compare/{range}", get(compare))
        .route("/git/trees/{commit}", get(tree))
        .route("/tarball/{commit}", get(tarball))
        .with_state(double);
    let url = serve(Router::new().nest("/api/v3/repos/local/titanic", repository)).await;
    (Host::GitHub(GitHub::new(&format!("{url}/api/v3/"), Some(TOKEN)).unwrap()), requests)
}

/// The local remote and GitHub, with the same repository.
pub async fn both_hosts(project: &Project) -> [Host; 2] {
    [Host::Local(project.local.clone()), github(project).await.0]
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" }))).into_response()
}

impl Double {
    fn saw(&self, path: &str, headers: &HeaderMap) {
        let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.requests.lock().unwrap().push((path.to_owned(), authorization));
    }

    fn ask(&self, arguments: &[&str]) -> Option<String> {
        let output = git_command(&self.bare).args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    }
}

async fn compare(State(double): State<Double>, Path(range): Path<String>, headers: HeaderMap) -> Response {
    double.saw(&format!("compare/{range}"), &headers);
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("mlsys"));
    let (base, head) = range.split_once("...").unwrap();
    let Some(merge_base) = double.ask(&["merge-base", base, head]) else { return not_found() };
    let changes = git(&double.bare, &["diff", "-z", "--name-status", "--find-renames", &merge_base, head]);
    let mut fields = changes.split_terminator('\0');
    let mut files: Vec<Value> = Vec::new();
    while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
        files.push(match &status[..1] {
            "A" => json!({ "status": "added", "filename": path }),
            "D" => json!({ "status": "removed", "filename": path }),
            "R" => json!({ "status": "renamed", "previous_filename": path, "filename": fields.next().unwrap() }),
            _ => json!({ "status": "modified", "filename": path, "patch": "@@" }),
        });
    }
    files.truncate(300);
    Json(json!({ "status": "ahead", "merge_base_commit": { "sha": merge_base }, "files": files })).into_response()
}

async fn tree(State(double): State<Double>, Path(commit): Path<String>, headers: HeaderMap) -> Response {
    double.saw(&format!("git/trees/{commit}"), &headers);
    let Some(listing) = double.ask(&["ls-tree", "-r", "-t", "-z", &commit]) else { return not_found() };
    let entries = listing.split_terminator('\0').map(|entry| {
        let (facts, path) = entry.split_once('\t').unwrap();
        let [mode, kind, sha] = *facts.split(' ').collect::<Vec<_>>() else { panic!("{entry:?}") };
        json!({ "mode": mode, "type": kind, "sha": sha, "path": path })
    });
    Json(json!({ "sha": commit, "truncated": false, "tree": entries.collect::<Vec<_>>() })).into_response()
}

async fn tarball(State(double): State<Double>, Path(commit): Path<String>, headers: HeaderMap) -> Response {
    double.saw(&format!("tarball/{commit}"), &headers);
    if double.ask(&["cat-file", "-e", &commit]).is_none() {
        return not_found();
    }
    let found = Redirect::temporary(&format!("{}/{commit}", double.archives)).into_response();
    (StatusCode::FOUND, found.headers().clone()).into_response()
}

async fn archive(State(double): State<Double>, Path(commit): Path<String>, headers: HeaderMap) -> Vec<u8> {
    double.saw(&format!("archive/{commit}"), &headers);
    git_bytes(&double.bare, &["archive", "--format=tar.gz", "--prefix=local-titanic-1234567/", &commit])
}
