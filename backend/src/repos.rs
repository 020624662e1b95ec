//! Repositories as they were a moment ago: a burst of pushes asks for the same few again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::RepoName;
use pipeline::Trigger;
use service::{ApiError, Secret, telemetry};
use store::{Store, WebhookSecret};

use crate::error::from_store;

/// How long a repository's settings are taken to be what they were. Another backend may have changed them meanwhile.
const KEPT: Duration = Duration::from_secs(1);
/// How many are kept.
const MOST: usize = 1024;

/// What a push has to know of its repository.
#[derive(Debug)]
pub(crate) struct KnownRepo {
    /// Branches whose pushes run, and notebooks that do, as they were written.
    pub(crate) branch: String,
    pub(crate) notebook_glob: String,
    /// The same, compiled: to do so takes longer than all else that a push needs. Or why that cannot be done.
    pub(crate) trigger: Result<Trigger, String>,
    /// What its deliveries may be signed with.
    pub(crate) secrets: Vec<WebhookSecret>,
}

/// The repositories that were asked for lately. One that is not registered is never remembered as such: it may be by now.
#[derive(Debug, Default)]
pub(crate) struct KnownRepos(Mutex<HashMap<RepoName, (Instant, Arc<KnownRepo>)>>);

impl KnownRepos {
    /// A registered repository.
    pub(crate) async fn find(&self, store: &Store, name: &RepoName) -> Result<Option<Arc<KnownRepo>>, ApiError> {
        let known = self.lock().get(name).filter(|(at, _)| at.elapsed() < KEPT).map(|(_, repo)| Arc::clone(repo));
        if known.is_some() {
            return Ok(known);
        }
        let Some(repo) = store.intake.repo_by_name(name).await.map_err(from_store)? else { return Ok(None) };
        // What is registered today was checked; an earlier version may have let through what this one refuses.
        let trigger = Trigger::new(&repo.branch, &repo.notebook_glob).map_err(|error| {
            format!("the settings of {name} have a pattern that is none: {error}. Correct it, then redeliver")
        });
        let secrets = store.intake.webhook_secrets(name).await.map_err(from_store)?;
        for secret in &secrets {
            if let WebhookSecret::Own(own) = secret {
                telemetry::blot_out(&Secret::new(own));
            }
        }
        let repo = Arc::new(KnownRepo { branch: repo.branch, notebook_glob: repo.notebook_glob, trigger, secrets });
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name.clone(), (Instant::now(), Arc::clone(&repo)));
        Ok(Some(repo))
    }

    /// Forgets all, because one was changed.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RepoName, (Instant, Arc<KnownRepo>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
