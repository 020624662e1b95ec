//! Webhooks of repositories, and who may see them. Source: GitHub's REST reference, "Repository webhooks".

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, patch},
};
use serde_json::{Value, json};

/// What the token may do with a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    #[default]
    Admin,
    /// Read it, as a fine-grained token without the permission for webhooks.
    Read,
    /// Know of it, and nothing more.
    Forbidden,
    /// Not even know that it is there.
    Nothing,
}

/// Webhooks and rights, by repository.
#[derive(Clone, Default)]
pub(super) struct Hooks(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    hooks: HashMap<String, Vec<Value>>,
    rights: HashMap<String, Rights>,
    latest: u64,
}

impl Hooks {
    pub(super) fn of(&self, repo: &str) -> Vec<Value> {
        self.lock().hooks.get(repo).cloned().unwrap_or_default()
    }

    pub(super) fn set(&self, repo: &str, hooks: Vec<Value>) {
        self.lock().hooks.insert(repo.to_owned(), hooks);
    }

    pub(super) fn restrict(&self, repo: &str, rights: Rights) {
        self.lock().rights.insert(repo.to_owned(), rights);
    }

    /// Refuses who may not read a repository.
    pub(super) fn may_read(&self, repo: &str) -> Result<(), Refusal> {
        match self.rights(repo) {
            Rights::Admin | Rights::Read => Ok(()),
            Rights::Forbidden => Err(forbidden()),
            Rights::Nothing => Err(not_found()),
        }
    }

    fn may_administer(&self, repo: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let bearer = headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
        match self.rights(repo) {
            Rights::Admin if bearer => Ok(()),
            Rights::Admin | Rights::Nothing => Err(not_found()),
            Rights::Read | Rights::Forbidden => Err(forbidden()),
        }
    }

    fn rights(&self, repo: &str) -> Rights {
        self.lock().rights.get(repo).copied().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// GitHub's no.
pub(super) type Refusal = (StatusCode, Json<Value>);

fn forbidden() -> Refusal {
    (StatusCode::FORBIDDEN, Json(json!({ "message": "Resource not accessible by personal access token" })))
}

fn not_found() -> Refusal {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" })))
}

fn invalid(message: &str) -> Refusal {
    let error = json!({ "resource": "Hook", "code": "custom", "message": message });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": "Validation Failed", "errors": [error] })))
}

pub(super) fn routes(hooks: Hooks) -> Router {
    let routes = Router::new().route("/", get(list).post(create)).route("/{id}", patch(change));
    Router::new().nest("/api/repos/{owner}/{name}/hooks", routes).with_state(hooks)
}

/// A hook as GitHub shows it: the secret never.
fn shown(hook: &Value) -> Value {
    let mut shown = hook.clone();
    if shown["config"].get("secret").is_some() {
        shown["config"]["secret"] = Value::from("********");
    }
    shown
}

async fn list(
    State(hooks): State<Hooks>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let repo = format!("{owner}/{name}");
    hooks.may_administer(&repo, &headers)?;
    Ok(Json(hooks.of(&repo).iter().map(shown).collect::<Vec<_>>()).into_response())
}

async fn create(
    State(hooks): State<Hooks>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Refusal> {
    let repo = format!("{owner}/{name}");
    hooks.may_administer(&repo, &headers)?;
    let url = body["config"]["url"].as_str().ok_or_else(|| invalid("Config must contain URL for webhooks"))?;
    let host = url.split("://").nth(1).unwrap_or_default();
    if host.starts_with("localhost") || host.starts_with("127.") {
        return Err(invalid("url is not supported because it isn't reachable over the public Internet"));
    }
    if hooks.of(&repo).iter().any(|hook| hook["config"]["url"] == url) {
        return Err(invalid("Hook already exists on this repository"));
    }
    let mut config = json!({ "content_type": "form", "insecure_ssl": "0" });
    merge(&mut config, &body["config"]);
    let events = body.get("events").cloned().unwrap_or_else(|| json!(["push"]));
    let mut state = hooks.lock();
    state.latest += 1;
    let hook = json!({
        "type": "Repository", "id": state.latest, "name": "web", "active": body.get("active").unwrap_or(&json!(true)),
        "events": events, "config": config, "updated_at": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z",
        "last_response": { "code": null, "status": "unused", "message": null }
    });
    let answer = (StatusCode::CREATED, Json(shown(&hook))).into_response();
    state.hooks.entry(repo).or_default().push(hook);
    Ok(answer)
}

async fn change(
    State(hooks): State<Hooks>,
    Path((owner, name, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Refusal> {
    let repo = format!("{owner}/{name}");
    hooks.may_administer(&repo, &headers)?;
    let mut state = hooks.lock();
    let mut all = state.hooks.entry(repo).or_default().iter_mut();
    let hook = all.find(|hook| hook["id"] == id).ok_or_else(not_found)?;
    if body.get("config").is_some() {
        // The whole configuration is replaced.
        hook["config"] = json!({ "content_type": "form", "insecure_ssl": "0" });
        merge(&mut hook["config"], &body["config"]);
    }
    if let Some(active) = body.get("active") {
        hook["active"] = active.clone();
    }
    if let Some(events) = hook["events"].as_array_mut() {
        for added in body["add_events"].as_array().into_iter().flatten() {
            if !events.contains(added) {
                events.push(added.clone());
            }
        }
    }
    Ok(Json(shown(hook)).into_response())
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}
