//! How the pushes of each repository come in: what GitHub said last of its webhook.
//!
//! GitHub is asked when a repository is added or checked, never by a list. A delivery that came since is a newer word.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, header};
use contract::RepoName;
use forge::{ForgeError, Host};
use jiff::Timestamp;
use serde::Serialize;
use service::{Secret, telemetry};
use store::{StoreError, WebhookSecret};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{Backend, app::WEBHOOK};

/// How long GitHub may take to answer a person.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// How many repositories are remembered.
const MOST: usize = 1024;

/// A repository's webhook, and what to enter under *Settings → Webhooks* on GitHub where it is missing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// Whether it is there.
    pub(crate) state: WebhookState,
    /// The same in words, and what to do.
    pub(crate) detail: String,
    /// The payload URL.
    url: String,
    #[schema(inline)]
    content_type: ContentType,
    events: Vec<String>,
    /// Where its secret is to be found.
    secret: String,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
enum ContentType {
    #[serde(rename = "application/json")]
    Json,
}

/// Whether a repository's pushes come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WebhookState {
    /// It is on the local remote, which needs no webhook.
    Local,
    /// They come.
    Installed,
    /// There is none yet; mlsys adds it with the repository.
    Addable,
    /// The webhook must be added by hand.
    Manual,
    /// GitHub was not asked, or did not answer.
    Unknown,
}

impl WebhookState {
    /// Whether a person has to look at the webhook of a repository no push of which has arrived.
    pub(crate) fn needs_person(self) -> bool {
        matches!(self, Self::Manual | Self::Unknown)
    }
}

/// What was found out about a webhook.
#[derive(Debug, Clone)]
struct HookState {
    state: WebhookState,
    detail: String,
}

/// What was found out lately.
#[derive(Debug, Default)]
pub(crate) struct KnownHooks(Mutex<HashMap<RepoName, (Timestamp, HookState)>>);

impl KnownHooks {
    /// What is known of a repository's webhook, without asking.
    pub(crate) fn known(&self, repo: &RepoName, last_delivery: Option<Timestamp>, base: &str) -> Webhook {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(repo).cloned();
        let found = match (known, last_delivery) {
            _ if repo.is_local() => local(),
            (Some((asked, found)), delivered) if delivered.is_none_or(|delivered| delivered < asked) => found,
            (_, Some(_)) => HookState::new(WebhookState::Installed, "GitHub sends pushes to this address."),
            _ => HookState::new(WebhookState::Unknown, "GitHub has not been asked since mlsys was started."),
        };
        found.webhook(base)
    }

    fn remember(&self, repo: &RepoName, found: &HookState) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(repo.clone(), (Timestamp::now(), found.clone()));
    }
}

/// The address at which GitHub reaches this mlsys or, where that is not set, the one of this request.
pub(crate) fn base(backend: &Backend, headers: &HeaderMap) -> String {
    let asked = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let own = || {
        let host = asked();
        let local = ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local));
        let scheme = if backend.config.network.has_tls() && !local { "https" } else { "http" };
        format!("{scheme}://{host}")
    };
    backend.config.public_url.as_ref().map_or_else(own, |url| url.as_str().to_owned())
}

/// Asks whether the webhook is there.
pub(crate) async fn look(backend: &Backend, repo: &RepoName, base: &str) -> Webhook {
    let Host::GitHub(github) = backend.host(repo) else { return local().webhook(base) };
    let found = match unreachable(backend) {
        Some(found) => found,
        None => match in_time(github.has_webhook(repo, &format!("{base}{WEBHOOK}"))).await {
            Ok(true) => HookState::new(WebhookState::Installed, "GitHub sends pushes to this address."),
            Ok(false) => HookState::new(WebhookState::Addable, "There is none yet. mlsys adds it with the repository."),
            Err(error) => HookState::from(error),
        },
    };
    found.webhook(base)
}

/// Gives a repository a new secret and its webhook that one, where the token may; else answers the secret, which a person
/// has to enter. The one before stays valid for so long.
pub(crate) async fn renew(
    backend: &Backend,
    repo: &RepoName,
    base: &str,
    old: Duration,
) -> Result<Option<Secret>, StoreError> {
    let secret = Secret::generate();
    backend.store.intake.add_webhook_secret(repo, secret.expose(), old).await?;
    telemetry::blot_out(&secret);
    backend.repos.known.forget();
    Ok((!install(backend, repo, base).await?).then_some(secret))
}

/// Adds the webhook, or sets it right, where the token may; answers whether it is there then.
pub(crate) async fn install(backend: &Backend, repo: &RepoName, base: &str) -> Result<bool, StoreError> {
    let Host::GitHub(github) = backend.host(repo) else { return Ok(true) };
    let found = if let Some(found) = unreachable(backend) {
        found
    } else {
        let secrets = backend.store.intake.webhook_secrets(repo).await?;
        let secret = match secrets.first() {
            Some(WebhookSecret::Own(own)) => own,
            _ => backend.config.webhook_secret.expose(),
        };
        match in_time(github.install_webhook(repo, &format!("{base}{WEBHOOK}"), secret)).await {
            Ok(()) => HookState::new(WebhookState::Installed, "GitHub sends pushes to this address."),
            Err(error) => {
                tracing::warn!(%repo, %error, "the webhook could not be set up");
                HookState::from(error)
            }
        }
    };
    backend.repos.hooks.remember(repo, &found);
    Ok(found.state == WebhookState::Installed)
}

/// GitHub refuses addresses that only this machine knows.
fn unreachable(backend: &Backend) -> Option<HookState> {
    let detail = "FRONTEND_URL is not set, so mlsys does not know at which address GitHub reaches it. Set it and start mlsys \
        again, or add the webhook by hand with an address that GitHub reaches.";
    backend.config.public_url.is_none().then(|| HookState::new(WebhookState::Manual, detail))
}

fn local() -> HookState {
    HookState::new(WebhookState::Local, "Pushes come in by mlsys's own git remote: there is nothing to set up.")
}

async fn in_time<T>(answer: impl Future<Output = Result<T, ForgeError>>) -> Result<T, ForgeError> {
    let late = || ForgeError::Unavailable(format!("GitHub did not answer within {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(late()))
}

impl HookState {
    fn new(state: WebhookState, detail: impl Into<String>) -> Self {
        Self { state, detail: detail.into() }
    }

    fn webhook(self, base: &str) -> Webhook {
        Webhook {
            state: self.state,
            detail: self.detail,
            url: format!("{base}{WEBHOOK}"),
            content_type: ContentType::Json,
            events: vec!["push".to_owned()],
            secret:
                "Shown once, when the repository was registered; a new one replaces it. A repository that was registered \
                before there were secrets for each has the value of GITHUB_WEBHOOK_SECRET; without one, what the file \
                webhook.secret under MLSYS_HOME holds."
                    .to_owned(),
        }
    }
}

impl From<ForgeError> for HookState {
    fn from(error: ForgeError) -> Self {
        let state = match &error {
            ForgeError::NotFound(_) | ForgeError::Forbidden(_) | ForgeError::Git(_) => WebhookState::Manual,
            _ => WebhookState::Unknown,
        };
        Self::new(state, format!("{error}."))
    }
}
