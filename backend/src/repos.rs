//! Repositories as they were a moment ago: a burst of pushes asks for the same few again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::RepoName;
use store::{Repo, Store, StoreError};

/// How long a repository's settings are taken to be what they were. Another backend may have changed them meanwhile.
const KEPT: Duration = Duration::from_secs(1);
/// How many are kept.
const MOST: usize = 1024;

/// The repositories that were asked for lately. One that is not registered is never remembered as such: it may be by now.
#[derive(Debug, Default)]
pub(crate) struct KnownRepos(Mutex<HashMap<RepoName, (Instant, Arc<Repo>)>>);

impl KnownRepos {
    /// A registered repository.
    pub(crate) async fn find(&self, store: &Store, name: &RepoName) -> Result<Option<Arc<Repo>>, StoreError> {
        let known = self.lock().get(name).filter(|(at, _)| at.elapsed() < KEPT).map(|(_, repo)| Arc::clone(repo));
        if known.is_some() {
            return Ok(known);
        }
        let found = store.repo_by_name(name).await?.map(Arc::new);
        if let Some(repo) = &found {
            let mut known = self.lock();
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(name.clone(), (Instant::now(), Arc::clone(repo)));
        }
        Ok(found)
    }

    /// Forgets all, because one was changed.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RepoName, (Instant, Arc<Repo>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
