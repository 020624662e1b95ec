//! Which model-servers there are, for passing predictions on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use store::{Store, StoreError};
use tokio::{sync::Mutex, time::Instant};

/// A server that has not reported for so long gets no predictions.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// How long the list is kept.
const KEPT: Duration = Duration::from_secs(1);

/// The model-servers, each in its turn.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The one address that was set.
    fixed: Option<Arc<[String]>>,
    list: Mutex<Option<(Instant, Arc<[String]>)>>,
    turn: AtomicUsize,
}

impl Servers {
    /// Servers that report, or the one that was set.
    pub(crate) fn new(fixed: Option<String>) -> Self {
        Self { fixed: fixed.map(|url| Arc::from([url])), list: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// The base addresses, the one whose turn it is first; none when no server has reported lately.
    pub(crate) async fn in_turn(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        let list = self.list(store).await?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let start = turn.checked_rem(list.len()).unwrap_or(0);
        Ok(list[start..].iter().chain(&list[..start]).cloned().collect())
    }

    async fn list(&self, store: &Store) -> Result<Arc<[String]>, StoreError> {
        if let Some(fixed) = &self.fixed {
            return Ok(Arc::clone(fixed));
        }
        let mut kept = self.list.lock().await;
        if let Some((_, list)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Ok(Arc::clone(list));
        }
        let servers = match store.serving.model_servers(SEEN_WITHIN).await {
            Ok(servers) => servers,
            // Predictions don't need the database.
            Err(error) => match kept.as_ref() {
                Some((_, list)) => return Ok(Arc::clone(list)),
                None => return Err(error),
            },
        };
        let list: Arc<[String]> =
            servers.into_iter().map(|(report, _)| report.address.trim_end_matches('/').to_owned()).collect();
        *kept = Some((Instant::now(), Arc::clone(&list)));
        Ok(list)
    }
}
