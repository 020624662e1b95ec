//! `/api/sign-in`: how one signs in here, and signing in with an issuer. Browsers are led through it, so what goes wrong is
//! told by the sign-in page: its address names why.

use std::time::Duration;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{FromIssuer, NewSession};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{
        address, client, cookie, limited, new_secret,
        oidc::{self, Attempt, Issuer, IssuerError},
    },
    error::{from_store, internal, not_found},
    routes::sessions,
};

/// How long a browser stays signed in: after that the issuer is asked again what they may.
const LASTS: Duration = Duration::from_hours(12);
/// Where the cookie of an attempt is sent.
const PATH: &str = "/api/sign-in";

/// How one signs in here.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInWays {
    /// The name of the issuer that people sign in with, at `/api/sign-in/issuer`; null: there is none.
    #[schema(required)]
    issuer: Option<String>,
}

/// How one signs in here.
#[utoipa::path(
    get, path = "/api/sign-in", operation_id = "getSignInWays", tag = "access",
    responses((status = OK, body = SignInWays)),
)]
pub(crate) async fn ways(State(backend): State<Backend>) -> Json<SignInWays> {
    Json(SignInWays { issuer: backend.auth.issuer.as_ref().map(|issuer| issuer.config.name()) })
}

/// Where a sign-in goes on.
#[derive(Deserialize)]
pub(crate) struct Begin {
    next: Option<String>,
}

/// Sends a browser to the issuer.
pub(crate) async fn begin(
    State(backend): State<Backend>,
    parts: Parts,
    query: Result<Query<Begin>, QueryRejection>,
) -> Result<Response, ApiError> {
    let issuer = configured(&backend)?;
    let secure = sessions::is_secure(&backend, &parts);
    let next = query.ok().and_then(|Query(Begin { next })| next);
    let attempt = Attempt::begin(next.as_deref()).map_err(internal)?;
    match issuer.address(&attempt).await {
        Ok(address) => {
            let (value, lasts) = attempt.cookie();
            redirect(&address, [attempt_cookie(secure, &value, lasts)?])
        }
        Err(error) => {
            tracing::warn!(%error, "nobody can sign in with the issuer at present");
            refused(secure, "issuer_unavailable", &attempt.next)
        }
    }
}

/// What the issuer's answer has in its address.
#[derive(Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Takes the browser back from the issuer, and signs it in.
pub(crate) async fn callback(
    State(backend): State<Backend>,
    parts: Parts,
    query: Result<Query<Answer>, QueryRejection>,
) -> Result<Response, ApiError> {
    let issuer = configured(&backend)?;
    let secure = sessions::is_secure(&backend, &parts);
    let by_address = format!("address {}", limited(&parts));
    let limits = &backend.auth.sign_ins;
    let attempt = cookie(&parts.headers, oidc::COOKIE).and_then(Attempt::read);
    let next = attempt.as_ref().map_or("/", |attempt| &attempt.next).to_owned();
    if limits.check(&by_address).is_err() {
        return refused(secure, "too_many_attempts", &next);
    }
    let asked = attempt.as_ref().zip(query.as_ref().ok());
    // Nobody is asked about an answer that this browser did not ask for.
    let Some((attempt, Query(answer))) = asked
        .filter(|(attempt, answer)| answer.state.as_ref().is_some_and(|state| attempt.state().matches(state.as_bytes())))
    else {
        limits.failed(&by_address);
        return refused(secure, "another_attempt", &next);
    };
    limits.failed(&by_address);
    let signed_in = sign_in(&backend, issuer, (attempt, answer), &parts).await;
    let (login, result) = match &signed_in {
        Ok((login, _)) => (login.as_str(), "done"),
        Err(Outcome { login, code }) => (login.as_deref().unwrap_or("by issuer"), *code),
    };
    sessions::note(&backend, login, address(&parts), result.to_owned()).await;
    match signed_in {
        Ok((_, secret)) => {
            limits.forgive(&by_address);
            let session = sessions::cookie(secure, &secret, LASTS.as_secs())?;
            redirect(&next, [session, attempt_cookie(secure, "", Duration::ZERO)?])
        }
        Err(Outcome { code, .. }) => refused(secure, code, &next),
    }
}

/// Why somebody was not signed in, as a word, and who, if that is known.
struct Outcome {
    login: Option<String>,
    code: &'static str,
}

impl From<&'static str> for Outcome {
    fn from(code: &'static str) -> Self {
        Self { login: None, code }
    }
}

/// Signs somebody in: their login, and the session's secret.
async fn sign_in(
    backend: &Backend,
    issuer: &Issuer,
    (attempt, answer): (&Attempt, &Answer),
    parts: &Parts,
) -> Result<(String, String), Outcome> {
    let Some(code) = answer.code.clone().filter(|_| answer.error.is_none()) else {
        tracing::info!(
            error = answer.error.as_deref().map(|error| error.escape_default().to_string()),
            "the issuer let somebody not in"
        );
        return Err("issuer_refused".into());
    };
    let identity = issuer.identify(attempt, &code).await.map_err(|error| match error {
        IssuerError::Unavailable(_) => {
            tracing::warn!(%error, "somebody could not sign in");
            "issuer_unavailable"
        }
        IssuerError::Refused(_) => {
            tracing::warn!(%error, "somebody could not sign in");
            "bad_answer"
        }
    })?;
    let (grants, logins) = (issuer.config.grants(&identity.groups), identity.logins());
    let (from, agent) = (address(parts), client(&parts.headers));
    let login = Some(identity.called.clone());
    let failed = |code| Outcome { login: login.clone(), code };
    let secret = new_secret().map_err(|error| {
        tracing::error!(%error, "the system has no random bytes");
        failed("internal")
    })?;
    let session = NewSession { digest: &secret.digest, address: &from, agent: &agent, lasts: LASTS };
    let who = FromIssuer { subject: &identity.subject, logins: &logins, name: &identity.name, grants: &grants };
    let opened = backend.store.access.sign_in_from_issuer(who, session).await;
    backend.auth.callers.forget();
    match opened {
        Ok(Some(_)) => {}
        Ok(None) => return Err(failed("no_role")),
        Err(error) => return Err(failed(from_store(error).code())),
    }
    let found = backend.store.access.session(&secret.digest).await;
    let login = found.ok().flatten().map_or(identity.called, |found| found.name);
    Ok((login, secret.secret))
}

fn configured(backend: &Backend) -> Result<&Issuer, ApiError> {
    backend.auth.issuer.as_ref().ok_or_else(|| not_found("no issuer is set: OIDC_ISSUER names one"))
}

/// The cookie of an attempt.
fn attempt_cookie(secure: bool, value: &str, lasts: Duration) -> Result<HeaderValue, ApiError> {
    sessions::cookie_at(secure, (oidc::COOKIE, PATH), value, lasts.as_secs())
}

/// To the sign-in page, which says why.
fn refused(secure: bool, why: &str, next: &str) -> Result<Response, ApiError> {
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    redirect(&format!("/sign-in?refused={why}&next={next}"), [attempt_cookie(secure, "", Duration::ZERO)?])
}

fn redirect<const N: usize>(to: &str, cookies: [HeaderValue; N]) -> Result<Response, ApiError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, HeaderValue::try_from(to).map_err(internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok((StatusCode::SEE_OTHER, headers, cookies).into_response())
}
