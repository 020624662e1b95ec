//! Asks the issuer. What it says of itself, its addresses and keys, is kept for an hour.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, SubjectIdentifier, TokenResponse, UserInfoClaims, UserInfoError,
    core::{CoreAuthenticationFlow, CoreClientAuthMethod, CoreGenderClaim, CoreProviderMetadata},
};
use serde_json::{Map, Value};
use service::Secret;
use tokio::{sync::Mutex, time::timeout};

use super::{
    Attempt, Identity, OidcConfig,
    http::Http,
    identity::groups,
    token::{Client, Others, Tokens, said, verify},
};
use crate::auth::limits::Limiter;

/// How long a sign-in waits while another asks what the issuer says of itself.
const QUEUE: Duration = Duration::from_secs(20);
/// How long it is believed what the issuer says of itself.
const KEPT: Duration = Duration::from_hours(1);
/// How long it is not asked again after it could not be.
const PAUSE: Duration = Duration::from_secs(3);
/// How often a minute it is asked again because of a key that is not known.
const REFRESHES: u32 = 5;
/// How much is told of what is wrong with an answer, in characters.
const REASON_MAX: usize = 500;

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
    http: Http,
    known: Mutex<Known>,
    refreshes: Limiter,
}

/// What the issuer said of itself, and when; or why it could not be asked.
#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    Told(Instant, Arc<Client>),
    Failed(Instant, String),
}

impl Issuer {
    /// An issuer that is not asked anything yet.
    pub(crate) fn new(config: OidcConfig) -> Result<Self, reqwest::Error> {
        let http = Http::new()?;
        Ok(Self { config, http, known: Mutex::default(), refreshes: Limiter::new(REFRESHES, Duration::from_mins(1)) })
    }

    /// Where a browser signs in.
    pub(crate) async fn address(&self, attempt: &Attempt) -> Result<String, IssuerError> {
        let client = self.client(None).await?;
        let (state, nonce) = (CsrfToken::new(plain(&attempt.state())), nonce(attempt));
        let request = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, || state, || nonce);
        let scopes = self.config.scopes.split_whitespace().map(|scope| Scope::new(scope.to_owned()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier(attempt));
        let (url, ..) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        Ok(url.into())
    }

    /// Who somebody is, by the code that the issuer gave their browser.
    pub(crate) async fn identify(&self, attempt: &Attempt, code: &str) -> Result<Identity, IssuerError> {
        let client = self.client(None).await?;
        let tokens = self.redeem(&client, attempt, code).await?;
        let claims = self.verified(&client, &tokens, attempt).await?;
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
        let sub = text("sub").ok_or_else(|| IssuerError::Refused("its ID token is about nobody".to_owned()))?;
        let found = match groups(&claims, &self.config.groups_claim) {
            Some(groups) => groups,
            None => self.groups(&client, &tokens, sub).await?,
        };
        let called = text("preferred_username").or_else(|| text("email")).unwrap_or(sub).to_owned();
        let name = text("name").unwrap_or(&called).chars().filter(|c| !c.is_control()).take(100).collect();
        let subject = format!("{} {sub}", self.config.issuer);
        Ok(Identity { subject, called, name, groups: found })
    }

    /// Gives a code back for what it stands for. Only who has our secret and began the attempt can.
    async fn redeem(&self, client: &Client, attempt: &Attempt, code: &str) -> Result<Tokens, IssuerError> {
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| IssuerError::Unavailable("it does not say where it takes codes".to_owned()))?;
        let tokens = request.set_pkce_verifier(verifier(attempt)).request_async(&self.http).await;
        tokens.map_err(|error| match error {
            RequestTokenError::Request(error) => error,
            // The code is no good, or our secret: its own word says which.
            RequestTokenError::ServerResponse(answer) => {
                IssuerError::Refused(format!("it does not take the code: {}", legible(answer.error().as_ref())))
            }
            // What is wrong with tokens would tell of them.
            _ => IssuerError::Refused("it gave no tokens for the code, or none that can be read".to_owned()),
        })
    }

    /// What the ID token says, which may be signed with a key that is newer than those that are known.
    async fn verified(
        &self,
        known: &Arc<Client>,
        tokens: &Tokens,
        attempt: &Attempt,
    ) -> Result<Map<String, Value>, IssuerError> {
        use SignatureVerificationError::{CryptoError, NoMatchingKey};
        let token = tokens.id_token().ok_or_else(|| IssuerError::Refused("it gave no ID token for the code".to_owned()))?;
        let nonce = nonce(attempt);
        let mut verified = verify(token, known, &nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(NoMatchingKey | CryptoError(_))) = verified
            && self.refreshes.check("keys").is_ok()
        {
            self.refreshes.failed("keys");
            let newer = self.client(Some(known)).await?;
            verified = verify(token, &newer, &nonce);
        }
        verified.map_err(|error| IssuerError::Refused(format!("its ID token: {}", in_full(&error))))
    }

    /// Somebody's groups by the issuer's other way, for those that keep their tokens short. None, where it has none.
    async fn groups(&self, client: &Client, tokens: &Tokens, sub: &str) -> Result<Vec<String>, IssuerError> {
        let access = tokens.access_token();
        let Ok(request) = client.user_info(access.clone(), Some(SubjectIdentifier::new(sub.to_owned()))) else {
            return Ok(Vec::new());
        };
        // The library takes for granted that it can.
        if HeaderValue::from_str(access.secret()).is_err() {
            return Err(IssuerError::Refused("its access token can't be sent".to_owned()));
        }
        let answer = request.request_async(&self.http).await;
        let claims: UserInfoClaims<Others, CoreGenderClaim> = answer.map_err(|error| match error {
            UserInfoError::Request(error) => error,
            UserInfoError::ClaimsVerification(_) => IssuerError::Refused("it speaks of somebody else".to_owned()),
            UserInfoError::Response(status, ..) => {
                IssuerError::Unavailable(format!("it answers {status} for what it knows of somebody"))
            }
            _ => IssuerError::Unavailable("what it knows of somebody can't be read".to_owned()),
        })?;
        Ok(groups(&said(&claims), &self.config.groups_claim).unwrap_or_default())
    }

    /// What the issuer says of itself; asked again if that is old, or the one given.
    async fn client(&self, stale: Option<&Arc<Client>>) -> Result<Arc<Client>, IssuerError> {
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

    async fn discover(&self) -> Result<Client, IssuerError> {
        let no_address = |error| IssuerError::Unavailable(format!("its address or ours is none: {error}"));
        let issuer = IssuerUrl::new(self.config.issuer.clone()).map_err(no_address)?;
        let redirect = format!("{}/api/sign-in/callback", self.config.public_url.as_str());
        let redirect = RedirectUrl::new(redirect).map_err(no_address)?;
        let told = CoreProviderMetadata::discover_async(issuer, &self.http).await;
        let told = told.map_err(|error| match error {
            DiscoveryError::Request(error) => error,
            DiscoveryError::Validation(reason) => {
                IssuerError::Unavailable(format!("OIDC_ISSUER must be what it calls itself: {}", legible(&reason)))
            }
            error => IssuerError::Unavailable(format!("it does not say what it is: {}", in_full(&error))),
        })?;
        // The standard's own way, unless the issuer says that it takes another alone.
        let methods = told.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|all| all.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let (id, secret) = (self.config.client_id.clone(), plain(&self.config.client_secret));
        let client = Client::from_provider_metadata(told, ClientId::new(id), Some(ClientSecret::new(secret)));
        let client = client.set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody });
        Ok(client.set_redirect_uri(redirect).disable_openid_scope())
    }
}

/// What the ID token has to repeat.
fn nonce(attempt: &Attempt) -> Nonce {
    Nonce::new(plain(&attempt.nonce()))
}

/// What redeems the attempt's code.
fn verifier(attempt: &Attempt) -> PkceCodeVerifier {
    PkceCodeVerifier::new(plain(&attempt.verifier()))
}

/// A secret for the library, whose own types keep it.
fn plain(secret: &Secret) -> String {
    secret.expose().to_owned()
}

/// An error with all that caused it.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    legible(&causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}")))
}

/// What may be another's words, on one line that is not too long.
fn legible(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect()
}
