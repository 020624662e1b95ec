//! What model-servers are told: which keys let somebody in. They decide by that alone, so that nobody who asks them reaches
//! the backend, and predictions go on while it is down.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{AccessList, Grant, ListedKey, Role};
use sha2::{Digest, Sha256};
use store::{Store, StoreError};
use tokio::sync::Mutex;

use super::{Auth, digest};

/// How long a list is told on, however many model-servers ask.
const KEPT: Duration = Duration::from_millis(500);
/// How many keys are told of, the newest ones. More are more than the list is made for: it would be megabytes.
const MOST: u32 = 20_000;

/// A list, and what it is told from others by.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) access: AccessList,
    pub(crate) digest: String,
}

/// The list of a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Lists(Mutex<Option<(Instant, Arc<Listed>)>>);

impl Auth {
    /// The keys that let somebody in, that of this home among them.
    pub(crate) async fn listed(&self, store: &Store) -> Result<Arc<Listed>, StoreError> {
        let mut kept = self.lists.0.lock().await;
        if let Some((_, list)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Ok(Arc::clone(list));
        }
        // A key that is revoked while this is read is told of once more, and not after.
        let at = Instant::now();
        let (mut keys, owners) = tokio::try_join!(store.access.listed_keys(MOST), store.serving.owners_of_deployed())?;
        let is_full = |keys: &[ListedKey]| keys.len() >= MOST as usize;
        // Once, and not with every list.
        if is_full(&keys) && !kept.as_ref().is_some_and(|(_, list)| is_full(&list.access.keys)) {
            tracing::warn!(most = MOST, "there are more keys than model-servers are told of; revoke some");
        }
        keys.extend(self.home.as_ref().map(|home| ListedKey {
            sha256: digest(home.expose()),
            grants: vec![Grant::everywhere(Role::Admin)],
            expires_at: None,
        }));
        let access = AccessList { keys, owners };
        let text = serde_json::to_vec(&access).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let listed = Arc::new(Listed { access, digest: hex::encode(Sha256::digest(text)) });
        *kept = Some((at, Arc::clone(&listed)));
        Ok(listed)
    }
}
