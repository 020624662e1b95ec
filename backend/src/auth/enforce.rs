//! What stands before each route: finds out who calls, refuses who may not, and writes down what was changed.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use contract::{Environment, ModelName};
use pipeline::access::{Action, Object};
use service::{ApiError, Connection};
use store::NewAuditEntry;

use super::{
    Caller, Kind, Of, Rule, Trail,
    caller::forbidden,
    credentials::{Shown, digest, shown},
    objects::{Answering, allowed, answering, object, object_of_model, parameter},
    rules::Whom,
};
use crate::{
    Backend,
    error::{from_store, internal},
};

/// What is written down when whoever asked did not wait for the end.
const LEFT: &str = "went on alone";

/// Lets a request through, or does not.
pub(super) async fn enforce(rule: Rule, request: Request, next: Next) -> Response {
    let Some(backend) = request.extensions().get::<Backend>().cloned() else {
        return internal("a route has no backend").into_response();
    };
    let (mut parts, body) = request.into_parts();
    let caller = match admit(&backend, &rule, &mut parts).await {
        Ok(caller) => caller,
        Err(Refused { error, caller }) => {
            if let Some(caller) = caller.filter(|_| rule.notes(&parts.method)) {
                Note::new(&backend, &rule, &caller, &mut parts, Trail::default()).await.write(error.status()).await;
            }
            return answer_refused(error, &parts);
        }
    };
    let trail = Trail::default();
    let note = match caller.as_ref().filter(|_| rule.notes(&parts.method)) {
        Some(caller) => Some(Note::new(&backend, &rule, caller, &mut parts, trail.clone()).await),
        None => None,
    };
    parts.extensions.insert(trail);
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some(note) = note {
        note.write(response.status()).await;
    }
    response
}

/// Why a request goes no further, and who it is, if they are known.
struct Refused {
    error: ApiError,
    caller: Option<Arc<Caller>>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { error, caller: None }
    }
}

/// Who calls, if they may.
async fn admit(backend: &Backend, rule: &Rule, parts: &mut Parts) -> Result<Option<Arc<Caller>>, Refused> {
    let open = match rule.whom {
        Whom::Anybody => return Ok(None),
        Whom::Numbers => backend.config.open.metrics,
        _ => false,
    };
    let caller = find(backend, parts).await?;
    let refused = |error| Refused { error, caller: caller.clone() };
    match (&rule.whom, &caller) {
        (Whom::Predicts, caller) => {
            // A name that can't be one is about no model.
            let model = parameter(parts, "name").await.and_then(|name| name.parse().ok());
            let environment = may_predict(backend, caller.as_deref(), model.as_ref(), &parts.uri).await?;
            if let Some(environment) = environment {
                parts.extensions.insert(Answering(environment));
            }
        }
        (_, None) if open => {}
        (_, None) => return Err(unknown().into()),
        (Whom::Known, Some(_)) | (Whom::Anybody, _) => {}
        (Whom::Numbers, Some(caller)) => {
            if !open {
                caller.require(&Action::See, &Object::everything()).map_err(refused)?;
            }
        }
        (Whom::May(action, of), Some(known)) => {
            if !allowed(backend, known, (action, *of), parts).await? {
                // What it belongs to is nothing that they may know.
                return Err(refused(forbidden(action, &Object::everything())));
            }
        }
    }
    Ok(caller)
}

/// Lets a prediction through, in the environment that is given back; none: in any.
pub(crate) async fn admit_prediction(
    backend: &Backend,
    model: &ModelName,
    parts: &Parts,
) -> Result<Option<Environment>, ApiError> {
    let caller = find(backend, parts).await?;
    may_predict(backend, caller.as_deref(), Some(model), &parts.uri).await
}

/// A prediction: by who may, or where anybody may. Gives back the environment that they were let in for; none: any.
async fn may_predict(
    backend: &Backend,
    caller: Option<&Caller>,
    model: Option<&ModelName>,
    uri: &Uri,
) -> Result<Option<Environment>, ApiError> {
    let object = Object { repo: None, model: model.cloned() };
    if caller.is_some_and(|caller| caller.may(&Action::Predict(None), &object)) {
        return Ok(None);
    }
    let environment = match model {
        Some(model) => answering(backend, model, uri).await?,
        None => None,
    };
    let is_open = environment.as_ref().is_some_and(|environment| backend.config.open.predictions.contains(environment));
    if !is_open {
        let Some(caller) = caller else { return Err(unknown()) };
        let object = match model {
            Some(model) => object_of_model(backend, caller, model).await?,
            None => object,
        };
        caller.require(&Action::Predict(environment.clone()), &object)?;
    }
    Ok(environment)
}

/// Who calls. Nobody, if they show nothing or a session that is over; a key that is none of ours is a 401.
async fn find(backend: &Backend, parts: &Parts) -> Result<Option<Arc<Caller>>, ApiError> {
    let auth = &backend.auth;
    let (secret, is_cookie) = match shown(&parts.headers) {
        Shown::Nothing => return Ok(None),
        Shown::Bearer(key) if auth.home.as_ref().is_some_and(|home| home.matches(key.as_bytes())) => {
            return Ok(Some(Arc::new(Caller::home())));
        }
        Shown::Bearer(key) => (key, false),
        Shown::Cookie(cookie) => (cookie, true),
    };
    let digest = digest(secret);
    let (generation, was_known) = match auth.callers.find(&digest) {
        Ok(caller) => return Ok(Some(caller)),
        Err(unknown) => unknown,
    };
    let address = limited(parts);
    // A page that is open when its session ends goes on asking: that is no attack.
    if !was_known && !is_cookie {
        auth.bad_keys.check(&address)?;
    }
    let access = &backend.store.access;
    let found = if is_cookie { access.session(&digest).await } else { access.key(&digest).await }.map_err(from_store)?;
    let Some(found) = found else {
        auth.callers.drop(&digest);
        if is_cookie {
            return Ok(None);
        }
        auth.bad_keys.failed(&address);
        return Err(unknown());
    };
    if found.unnoted {
        let access = access.clone();
        let (session, key) = (found.session, found.key);
        tokio::spawn(async move {
            let noted = match (session, key) {
                (Some(session), _) => access.note_session(session).await,
                (None, Some(key)) => access.note_key(key).await,
                (None, None) => Ok(()),
            };
            if let Err(error) = noted {
                tracing::debug!(%error, "that a key was used could not be written down");
            }
        });
    }
    let caller = Arc::new(Caller {
        kind: if is_cookie { Kind::Person } else { Kind::Key },
        name: found.name,
        person: Some(found.person),
        session: found.session,
        grants: found.grants,
        expires_at: found.expires_at,
    });
    auth.callers.keep(digest, generation, &caller);
    Ok(Some(caller))
}

/// 401, which says how to sign in.
fn unknown() -> ApiError {
    let detail =
        "sign in at /sign-in (`mlsys login` prints an address for it), or send a key: Authorization: Bearer mlsys_…";
    let error = ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    error.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mlsys\""))
}

/// A refusal; where a person looks at a page of ours, the way to sign in.
fn answer_refused(error: ApiError, parts: &Parts) -> Response {
    let accepts = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if error.status() == StatusCode::UNAUTHORIZED && parts.method.is_safe() && accepts.contains("text/html") {
        return Redirect::to(&format!("/sign-in?next={}", parts.uri.path())).into_response();
    }
    error.into_response()
}

/// Where a request comes from.
pub(crate) fn address(parts: &Parts) -> String {
    let connection = parts.extensions.get::<Connection>();
    connection.map_or_else(|| "unknown".to_owned(), |connection| connection.client.to_string())
}

/// Whose failures count together: those of an address or, of IPv6, of a network.
pub(crate) fn limited(parts: &Parts) -> String {
    let connection = parts.extensions.get::<Connection>();
    connection.map_or_else(|| "unknown".to_owned(), |connection| connection.network().to_string())
}

/// What a browser or program calls itself, cut short.
pub(crate) fn client(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.chars().take(200).collect()
}

/// An entry of the audit log that is not written yet. Dropped, because whoever asked has gone, it is written all the same.
struct Note {
    backend: Backend,
    entry: Option<NewAuditEntry>,
    trail: Trail,
}

impl Note {
    async fn new(backend: &Backend, rule: &Rule, caller: &Caller, parts: &mut Parts, trail: Trail) -> Self {
        let (action, of) = match &rule.whom {
            Whom::May(action, of) => (action.as_str(), *of),
            _ => ("account", Of::Everything),
        };
        // Where the store does not say it, the entry can hardly be written either.
        let Object { repo, model } = object(backend, of, parts).await.unwrap_or_default();
        let path = parts.uri.path();
        let path = path.strip_prefix("/api/").unwrap_or(path);
        let entry = NewAuditEntry {
            actor_kind: caller.kind.as_str(),
            actor: caller.name.clone(),
            address: address(parts),
            action: action.to_owned(),
            object: format!("{} {path}", parts.method),
            repo,
            model,
            ..NewAuditEntry::default()
        };
        Self { backend: backend.clone(), entry: Some(entry), trail }
    }

    /// Writes it down, with what came of it.
    async fn write(mut self, status: StatusCode) {
        let result = if status.is_success() { "done".to_owned() } else { status.to_string() };
        if let Some(entry) = self.finished(&result) {
            record(&self.backend, entry).await;
        }
    }

    fn finished(&mut self, result: &str) -> Option<NewAuditEntry> {
        let mut entry = self.entry.take()?;
        let said = self.trail.said();
        if let Some(object) = said.object {
            entry.object = object;
        }
        if let Some(Object { repo, model }) = said.about {
            (entry.repo, entry.model) = (repo, model);
        }
        (entry.before, entry.after) = (said.before, said.after);
        result.clone_into(&mut entry.result);
        Some(entry)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if let (Some(entry), Ok(runtime)) = (self.finished(LEFT), tokio::runtime::Handle::try_current()) {
            let backend = self.backend.clone();
            runtime.spawn(async move { record(&backend, entry).await });
        }
    }
}

/// Writes an entry down. What was done is done, also where that fails.
async fn record(backend: &Backend, entry: NewAuditEntry) {
    let (actor, action, object) = (entry.actor.clone(), entry.action.clone(), entry.object.clone());
    if let Err(error) = backend.store.access.record(entry).await {
        tracing::error!(%error, actor, action, object, "the audit log could not be written");
    }
}
