//! A repository's webhook, which brings its pushes here.
//!
//! Source: GitHub's REST reference, "Repository webhooks". Its answers never hold the secret.

use contract::RepoName;
use serde::Deserialize;
use serde_json::json;

use super::{GitHub, PER_PAGE, sent};
use crate::ForgeError;

/// As many webhooks as a repository may have for one event, and more.
const MAX_HOOKS_PAGES: u32 = 5;

#[derive(Deserialize)]
struct Hook {
    id: u64,
    active: bool,
    events: Vec<String>,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    url: String,
    #[serde(default)]
    content_type: String,
}

impl GitHub {
    /// Whether the repository has a webhook that sends its pushes to an address.
    ///
    /// [`ForgeError::Forbidden`] when the token may not see that.
    pub async fn has_webhook(&self, repo: &RepoName, address: &str) -> Result<bool, ForgeError> {
        let hook = self.hook(repo, address).await.map_err(|error| unseen(error, repo))?;
        let sends = |hook: Hook| {
            let events = |name: &&String| *name == "push" || *name == "*";
            hook.active && hook.config.content_type == "json" && hook.events.iter().any(|name| events(&name))
        };
        Ok(hook.is_some_and(sends))
    }

    /// Makes the repository send its pushes to an address, signed with the secret: adds the webhook, or sets the one for
    /// that address right.
    ///
    /// [`ForgeError::Forbidden`] when the token may not.
    pub async fn install_webhook(&self, repo: &RepoName, address: &str, secret: &str) -> Result<(), ForgeError> {
        let hook = self.hook(repo, address).await.map_err(|error| unseen(error, repo))?;
        let config = json!({ "url": address, "content_type": "json", "secret": secret, "insecure_ssl": "0" });
        let request = if let Some(hook) = hook {
            let body = json!({ "active": true, "add_events": ["push"], "config": config });
            self.http.patch(self.url(repo, &["hooks", &hook.id.to_string()])).json(&body)
        } else {
            let body = json!({ "name": "web", "active": true, "events": ["push"], "config": config });
            self.http.post(self.url(repo, &["hooks"])).json(&body)
        };
        sent(request).await.map(drop).map_err(|error| unseen(error, repo))
    }

    /// The repository's webhook for an address.
    async fn hook(&self, repo: &RepoName, address: &str) -> Result<Option<Hook>, ForgeError> {
        for page in 1..=MAX_HOOKS_PAGES {
            let hooks: Vec<Hook> = self.page(self.url(repo, &["hooks"]), page).await?;
            let last = hooks.len() < PER_PAGE;
            let found = hooks.into_iter().find(|hook| hook.config.url.trim_end_matches('/') == address);
            if found.is_some() || last {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// GitHub says "not found" of webhooks that the token may not see.
fn unseen(error: ForgeError, repo: &RepoName) -> ForgeError {
    match error {
        ForgeError::NotFound(_) | ForgeError::Forbidden(_) => ForgeError::Forbidden(format!(
            "GITHUB_TOKEN may not manage the webhooks of {repo}: it needs the scope admin:repo_hook, or the permission \
             Webhooks (read and write), of someone who administers the repository"
        )),
        error => error,
    }
}
