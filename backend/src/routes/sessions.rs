//! `/api/sessions` and `/api/me`: signing in and out, and who one is.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use contract::{Grant, PersonId, SessionId};
use jiff::Timestamp;
use pipeline::access::{Action, allowed_everywhere};
use serde::{Deserialize, Serialize};
use service::{ApiError, Connection};
use store::{NewAuditEntry, NewSession, Purpose, Session, StoreError};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{COOKIE, Caller, Kind, Trail, address, client, digest, limited, new_secret, owner, sign_in_address},
    error::{bad_request, from_store, internal, not_found},
    hooks,
    routes::{
        parse,
        pipelines::{Page, PageQuery},
    },
};

/// How long a browser stays signed in.
const LASTS: Duration = Duration::from_hours(14 * 24);
/// How long an address that signs in is good.
const ADDRESS: Duration = Duration::from_mins(15);
/// How short a password may not be, in characters, and how long, in bytes.
const PASSWORD: (usize, usize) = (10, 1024);

/// What signs in: a token, or a login and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// What the address that was printed has behind its `#`; works once.
    #[schema(nullable = false)]
    token: Option<String>,
    #[schema(nullable = false)]
    login: Option<String>,
    /// With an invitation's token: the one to have from now on.
    #[schema(nullable = false)]
    password: Option<String>,
}

/// Who one is, and what one may.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    kind: Kind,
    /// A person's login; a key's beginning and name.
    name: String,
    /// The person; of a key, who made it; null: the command line of this home.
    #[schema(required)]
    person_id: Option<PersonId>,
    /// The browser's session; null: it is none.
    #[schema(required)]
    session_id: Option<SessionId>,
    grants: Vec<Grant>,
    /// What one may do with everything: `see`, `run`, `promote:staging` …
    may: Vec<String>,
    /// When one has to sign in again; null: never.
    #[schema(required)]
    expires_at: Option<Timestamp>,
}

impl From<&Caller> for Me {
    fn from(caller: &Caller) -> Self {
        Self {
            kind: caller.kind,
            name: caller.name.clone(),
            person_id: caller.person,
            session_id: caller.session,
            grants: caller.grants.clone(),
            may: allowed_everywhere(&caller.grants, Timestamp::now()).iter().map(Action::in_words).collect(),
            expires_at: caller.expires_at,
        }
    }
}

/// Signs a browser in: with the token of an address that was printed, or with a login and a password.
#[utoipa::path(
    post, path = "/api/sessions", operation_id = "signIn", tag = "access", request_body = SignIn,
    responses((status = CREATED, body = Me)),
)]
pub(crate) async fn sign_in(
    State(backend): State<Backend>,
    parts: Parts,
    Json(SignIn { token, login, password }): Json<SignIn>,
) -> Result<Response, ApiError> {
    let from = address(&parts);
    let by_address = format!("address {}", limited(&parts));
    let limits = &backend.auth.sign_ins;
    limits.check(&by_address)?;
    let who = match (token, login, password) {
        (Some(token), None, password) => Who::Token(token, password),
        (None, Some(login), Some(password)) => Who::Password(login, password),
        _ => return Err(bad_request("bad_sign_in", "send a token, or a login and a password")),
    };
    let mut limited = vec![by_address];
    limited.extend(who.login().map(|login| format!("login {login}")));
    limited.iter().try_for_each(|one| limits.check(one))?;
    for one in &limited {
        limits.failed(one);
    }
    let cookie = new_secret().map_err(internal)?;
    let agent = client(&parts.headers);
    let session = NewSession { digest: &cookie.digest, address: &from, agent: &agent, lasts: LASTS };
    let login = who.login().unwrap_or("by token").to_owned();
    let opened = open(&backend, who, session).await;
    if opened.as_ref().map_or_else(ApiError::status, |()| StatusCode::CREATED) != StatusCode::UNAUTHORIZED {
        for one in &limited {
            limits.forgive(one);
        }
    }
    let result = opened.as_ref().map_or_else(ApiError::code, |()| "done").to_owned();
    let found = match opened {
        Ok(()) => backend.store.access.session(&cookie.digest).await.map_err(from_store),
        Err(error) => Err(error),
    };
    let name = found.as_ref().ok().and_then(Option::as_ref).map_or(login, |found| found.name.clone());
    note(&backend, &name, from, result).await;
    answer(is_secure(&backend, &parts), &cookie.secret, found?.ok_or_else(wrong)?)
}

/// Who wants to sign in.
enum Who {
    Token(String, Option<String>),
    Password(String, String),
}

impl Who {
    fn login(&self) -> Option<&str> {
        match self {
            Self::Token(..) => None,
            Self::Password(login, _) => Some(login),
        }
    }
}

async fn open(backend: &Backend, who: Who, session: NewSession<'_>) -> Result<(), ApiError> {
    let access = &backend.store.access;
    match who {
        Who::Token(token, password) => {
            let digest = digest(&token);
            let (_, purpose) = access.token(&digest).await.map_err(from_store)?.ok_or_else(used_up)?;
            let password = match (purpose, password) {
                (Purpose::SignIn, None) => None,
                (Purpose::SignIn, Some(_)) => {
                    return Err(bad_request("bad_sign_in", "this token signs in by itself: send no password"));
                }
                (Purpose::Invitation, None) => {
                    return Err(bad_request("password_required", "choose a password to sign in with from now on"));
                }
                (Purpose::Invitation, Some(password)) => Some(backend.auth.passwords.hash(checked(password)?).await?),
            };
            let used = access.use_token(&digest, password.as_deref(), session).await;
            used.map_err(|error| if matches!(error, StoreError::NotFound) { used_up() } else { from_store(error) })?;
        }
        Who::Password(login, password) => {
            if password.len() > PASSWORD.1 {
                return Err(wrong());
            }
            let found = access.password(&login).await.map_err(from_store)?;
            let (person, kept) = found.map_or((None, None), |(person, kept)| (Some(person), kept));
            let right = backend.auth.passwords.matches(password, kept.as_deref()).await?;
            let person = person.filter(|_| right).ok_or_else(wrong)?;
            access
                .open_session(person, session)
                .await
                .map_err(|error| if matches!(error, StoreError::NotFound) { wrong() } else { from_store(error) })?;
        }
    }
    backend.auth.callers.forget();
    Ok(())
}

fn checked(password: String) -> Result<String, ApiError> {
    let (shortest, longest) = PASSWORD;
    if password.chars().count() < shortest || password.len() > longest {
        let detail = format!("a password has at least {shortest} characters, and at most {longest} bytes");
        return Err(bad_request("bad_password", detail));
    }
    Ok(password)
}

fn used_up() -> ApiError {
    unauthorized(
        "bad_token",
        "this address was used already or has expired; `mlsys login` prints a new one, or ask for an invitation",
    )
}

fn wrong() -> ApiError {
    unauthorized("bad_password", "no such login, or another password")
}

fn unauthorized(code: &'static str, detail: &str) -> ApiError {
    let error = ApiError::new(StatusCode::UNAUTHORIZED, code, detail);
    error.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mlsys\""))
}

pub(crate) async fn note(backend: &Backend, login: &str, address: String, result: String) {
    let entry = NewAuditEntry {
        actor_kind: "person",
        actor: login.chars().take(100).collect(),
        address,
        action: "sign_in".to_owned(),
        object: "sessions".to_owned(),
        result,
        ..NewAuditEntry::default()
    };
    if let Err(error) = backend.store.access.record(entry).await {
        tracing::error!(%error, "the audit log could not be written");
    }
}

/// Who it is now, with the cookie.
fn answer(secure: bool, secret: &str, found: store::Caller) -> Result<Response, ApiError> {
    let caller = Caller {
        kind: Kind::Person,
        name: found.name,
        person: Some(found.person),
        session: found.session,
        grants: found.grants,
        expires_at: found.expires_at,
    };
    let cookie = cookie(secure, secret, LASTS.as_secs())?;
    let headers = [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, headers, Json(Me::from(&caller))).into_response())
}

/// Whether a cookie is to be sent over TLS alone: where browsers reach this mlsys by it, or this one did.
pub(crate) fn is_secure(backend: &Backend, parts: &Parts) -> bool {
    let public = backend.config.public_url.as_ref().is_some_and(|url| url.as_str().starts_with("https:"));
    public || parts.extensions.get::<Connection>().is_some_and(|connection| connection.secure == Some(true))
}

/// The session's cookie, for so many seconds.
pub(crate) fn cookie(secure: bool, value: &str, seconds: u64) -> Result<HeaderValue, ApiError> {
    cookie_at(secure, (COOKIE, "/"), value, seconds)
}

/// A cookie of a name, sent to a path. Scripts can't read it, and other sites can't send it.
pub(crate) fn cookie_at(
    secure: bool,
    (name, path): (&str, &str),
    value: &str,
    seconds: u64,
) -> Result<HeaderValue, ApiError> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).map_err(internal)
}

/// Who one is, and what one may.
#[utoipa::path(get, path = "/api/me", operation_id = "getMe", tag = "access", responses((status = OK, body = Me)))]
pub(crate) async fn me(caller: Caller) -> Json<Me> {
    Json(Me::from(&caller))
}

/// The browsers that are signed in, newest first: one's own; of who decides about people, everybody's.
#[utoipa::path(
    get, path = "/api/sessions", operation_id = "listSessions", tag = "access", params(PageQuery),
    responses((status = OK, body = Page<Session>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Session>>, ApiError> {
    let before = page.after.as_deref().map(parse).transpose()?;
    let whose = whose(&backend, &caller).await?;
    let (items, more) = backend.store.access.sessions(whose, before, page.limit()).await.map_err(from_store)?;
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items, next }))
}

/// Signs this browser out.
#[utoipa::path(
    delete, path = "/api/sessions/current", operation_id = "signOut", tag = "access",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn sign_out(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    parts: Parts,
) -> Result<Response, ApiError> {
    trail.object("sessions");
    trail.after("signed out");
    let session = caller.session.ok_or_else(|| not_found("a key has no session: `mlsys keys revoke` revokes it"))?;
    match backend.store.access.end_session(session, None).await {
        // It is over, which is what was asked for.
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(from_store(error)),
    }
    backend.auth.callers.forget();
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(is_secure(&backend, &parts), "", 0)?)]).into_response())
}

/// Signs another browser out.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", operation_id = "endSession", tag = "access",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn end(
    State(backend): State<Backend>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = parse(&id)?;
    let whose = whose(&backend, &caller).await?;
    backend.store.access.end_session(id, whose).await.map_err(from_store)?;
    backend.auth.callers.forget();
    Ok(StatusCode::NO_CONTENT)
}

/// An address that signs a browser in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInAddress {
    /// It works once, and for a quarter of an hour.
    address: String,
}

/// Makes an address that signs a browser of one's own in, once.
#[utoipa::path(
    post, path = "/api/sessions/address", operation_id = "makeSignInAddress", tag = "access",
    responses((status = CREATED, body = SignInAddress)),
)]
pub(crate) async fn new_address(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<SignInAddress>), ApiError> {
    trail.object("sessions");
    trail.after("an address that signs in");
    if caller.kind == Kind::Key {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "a key signs no browser in"));
    }
    let person = person(&backend, &caller).await?;
    if backend.store.access.person(person).await.map_err(from_store)?.from_issuer {
        return Err(from_elsewhere("sign in at /sign-in with the issuer: it is asked each time what you may"));
    }
    let base = hooks::base(&backend, &headers);
    let address = sign_in_address(&backend, person, &base, ADDRESS).await?;
    Ok((StatusCode::CREATED, Json(SignInAddress { address })))
}

/// 409 for what an issuer decides.
pub(crate) fn from_elsewhere(detail: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "decided_by_issuer", detail)
}

/// The person behind a caller.
pub(crate) async fn person(backend: &Backend, caller: &Caller) -> Result<PersonId, ApiError> {
    match caller.person {
        Some(person) => Ok(person),
        None => Ok(owner(&backend.store.access).await.map_err(from_store)?.id),
    }
}

/// Whose things a caller sees and ends: only their own, unless they decide about people.
async fn whose(backend: &Backend, caller: &Caller) -> Result<Option<PersonId>, ApiError> {
    if caller.may_everywhere(&Action::People) { Ok(None) } else { person(backend, caller).await.map(Some) }
}
