//! Asks the issuer. What it says of itself, its addresses and keys, is kept for an hour.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{StatusCode, header};
use jiff::Timestamp;
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::timeout};

use super::{
    Attempt, Identity, OidcConfig,
    identity::groups,
    token::{Claims, Expected, Key, TokenError, keys, verify},
};
use crate::auth::limits::Limiter;

/// How long the issuer may take for each answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a sign-in waits while another asks what the issuer says of itself.
const QUEUE: Duration = Duration::from_secs(20);
/// How long it is believed what the issuer says of itself.
const KEPT: Duration = Duration::from_hours(1);
/// How long it is not asked again after it could not be.
const PAUSE: Duration = Duration::from_secs(3);
/// How often a minute it is asked again because of a key that is not known.
const REFRESHES: u32 = 5;
/// The longest answer, in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    /// It could not be asked, or says nothing that makes sense: another time it may.
    #[error("the issuer can't be asked: {0}")]
    Unavailable(String),
    /// What it gave does not prove who it is.
    #[error("the issuer's answer is not accepted: {0}")]
    Refused(String),
}

/// The issuer.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) config: OidcConfig,
    http: reqwest::Client,
    known: Mutex<Known>,
    refreshes: Limiter,
}

/// What the issuer said of itself, and when; or why it could not be asked.
#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Told(Instant, Arc<Provider>),
    Failed(Instant, String),
}

/// What the issuer says of itself. Source: OIDC Discovery 1.0.
#[derive(Debug, Deserialize)]
struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(skip)]
    keys: Vec<Key>,
}

/// What it gives for a code.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: String,
}

impl Issuer {
    /// An issuer that is not asked anything yet.
    pub(crate) fn new(config: OidcConfig) -> Result<Self, reqwest::Error> {
        // Where it sends us on to, nobody has vouched for.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build()?;
        Ok(Self { config, http, known: Mutex::default(), refreshes: Limiter::new(REFRESHES, Duration::from_mins(1)) })
    }

    /// Where it sends browsers back to.
    fn redirect(&self) -> String {
        format!("{}/api/sign-in/callback", self.config.public_url.as_str())
    }

    /// Where a browser signs in.
    pub(crate) async fn address(&self, attempt: &Attempt) -> Result<String, IssuerError> {
        let provider = self.provider(None).await?;
        let mut url = Url::parse(&provider.authorization_endpoint)
            .map_err(|error| IssuerError::Unavailable(format!("where people sign in is no address: {error}")))?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.config.client_id),
            ("redirect_uri", &self.redirect()),
            ("scope", &self.config.scopes),
            ("state", attempt.state().expose()),
            ("nonce", attempt.nonce().expose()),
            ("code_challenge", &attempt.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url.into())
    }

    /// Who somebody is, by the code that the issuer gave their browser.
    pub(crate) async fn identify(&self, attempt: &Attempt, code: &str) -> Result<Identity, IssuerError> {
        let provider = self.provider(None).await?;
        let tokens = self.redeem(&provider, attempt, code).await?;
        let claims = self.verified(&provider, &tokens.id_token, attempt).await?;
        let found = match groups(&claims.others, &self.config.groups_claim) {
            Some(groups) => groups,
            None => self.groups(&provider, &tokens, &claims).await?,
        };
        let text = |claim: &str| claims.others.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
        let called = text("preferred_username").or_else(|| text("email")).unwrap_or(&claims.sub).to_owned();
        let name = text("name").unwrap_or(&called).chars().filter(|c| !c.is_control()).take(100).collect();
        let subject = format!("{} {}", self.config.issuer, claims.sub);
        Ok(Identity { subject, called, name, groups: found })
    }

    /// Gives a code back for what it stands for. Only who has our secret and began the attempt can.
    async fn redeem(&self, provider: &Provider, attempt: &Attempt, code: &str) -> Result<Tokens, IssuerError> {
        let (status, answer) = self.ask(self.redemption(provider, attempt, code)).await?;
        if status.is_client_error() {
            // The code is no good, or our secret: its own word says which.
            let word = answer["error"].as_str().unwrap_or_default().escape_default().take(100).collect::<String>();
            return Err(IssuerError::Refused(format!("it does not take the code: {status} {word}")));
        }
        if status != StatusCode::OK {
            return Err(IssuerError::Unavailable(format!("it answers {status} for a code")));
        }
        serde_json::from_value(answer).map_err(|_| IssuerError::Refused("it gave no tokens for the code".to_owned()))
    }

    fn redemption(&self, provider: &Provider, attempt: &Attempt, code: &str) -> RequestBuilder {
        let (id, secret) = (&self.config.client_id, self.config.client_secret.expose());
        let (redirect, verifier) = (self.redirect(), attempt.verifier());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier.expose()),
        ]);
        let mut request = self.http.post(&provider.token_endpoint);
        // The standard's own way, unless the issuer says that it takes another alone.
        let methods = provider.token_endpoint_auth_methods_supported.as_ref();
        if methods.is_none_or(|all| all.iter().any(|one| one == "client_secret_basic")) {
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(id), Some(encoded(secret)));
        } else {
            form.extend_pairs([("client_id", id.as_str()), ("client_secret", secret)]);
        }
        request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.finish())
    }

    /// What the ID token says, which may be signed with a key that is newer than those that are known.
    async fn verified(&self, known: &Arc<Provider>, token: &str, attempt: &Attempt) -> Result<Claims, IssuerError> {
        let (nonce, client_id) = (attempt.nonce(), &self.config.client_id);
        let expected = Expected { issuer: &self.config.issuer, client_id, nonce: &nonce };
        let refused = |error: TokenError| IssuerError::Refused(error.to_string());
        match verify(token, &known.keys, &expected, Timestamp::now()) {
            Err(TokenError::Key) if self.refreshes.check("keys").is_ok() => {
                self.refreshes.failed("keys");
                let newer = self.provider(Some(known)).await?;
                verify(token, &newer.keys, &expected, Timestamp::now()).map_err(refused)
            }
            done => done.map_err(refused),
        }
    }

    /// Somebody's groups by the issuer's other way, for those that keep their tokens short. None, where it has none.
    async fn groups(&self, provider: &Provider, tokens: &Tokens, claims: &Claims) -> Result<Vec<String>, IssuerError> {
        let Some(address) = &provider.userinfo_endpoint else { return Ok(Vec::new()) };
        let (status, said) = self.ask(self.http.get(address).bearer_auth(&tokens.access_token)).await?;
        let Some(said) = said.as_object().filter(|_| status == StatusCode::OK) else {
            return Err(IssuerError::Unavailable(format!("it answers {status} for what it knows of somebody")));
        };
        if said.get("sub").and_then(Value::as_str) != Some(&claims.sub) {
            return Err(IssuerError::Refused("it speaks of somebody else".to_owned()));
        }
        Ok(groups(said, &self.config.groups_claim).unwrap_or_default())
    }

    /// What the issuer says of itself; asked again if that is old, or the one given.
    async fn provider(&self, stale: Option<&Arc<Provider>>) -> Result<Arc<Provider>, IssuerError> {
        let unavailable = |reason: &str| Err(IssuerError::Unavailable(reason.to_owned()));
        let Ok(mut known) = timeout(QUEUE, self.known.lock()).await else { return unavailable("it answers slowly") };
        match &*known {
            Known::Told(at, told) if at.elapsed() < KEPT && stale.is_none_or(|stale| !Arc::ptr_eq(stale, told)) => {
                return Ok(Arc::clone(told));
            }
            Known::Failed(at, reason) if at.elapsed() < PAUSE => return unavailable(reason),
            _ => {}
        }
        match self.discover().await {
            Ok(told) => {
                let told = Arc::new(told);
                *known = Known::Told(Instant::now(), Arc::clone(&told));
                Ok(told)
            }
            Err(error) => {
                let (IssuerError::Unavailable(reason) | IssuerError::Refused(reason)) = &error;
                *known = Known::Failed(Instant::now(), reason.clone());
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Provider, IssuerError> {
        let unavailable = |reason: String| IssuerError::Unavailable(reason);
        let issuer = &self.config.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let (status, answer) = self.ask(self.http.get(&address)).await?;
        if status != StatusCode::OK {
            return Err(unavailable(format!("{address} answers {status}")));
        }
        let read = serde_json::from_value::<Provider>(answer);
        let mut provider = read.map_err(|error| unavailable(format!("{address} does not describe an issuer: {error}")))?;
        if provider.issuer != *issuer {
            let named = provider.issuer.escape_debug();
            return Err(unavailable(format!("it calls itself {named}, so OIDC_ISSUER should too")));
        }
        let (status, answer) = self.ask(self.http.get(&provider.jwks_uri)).await?;
        if status != StatusCode::OK {
            return Err(unavailable(format!("it answers {status} for its keys")));
        }
        provider.keys = keys(&answer);
        Ok(provider)
    }

    /// An answer's status and its JSON; null where it has none.
    async fn ask(&self, request: RequestBuilder) -> Result<(StatusCode, Value), IssuerError> {
        // The address may hold a code.
        let failed = |error: reqwest::Error| IssuerError::Unavailable(in_full(&error.without_url()));
        let mut answer = request.header(header::ACCEPT, "application/json").send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(IssuerError::Unavailable("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((answer.status(), serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// An error with all that caused it.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
