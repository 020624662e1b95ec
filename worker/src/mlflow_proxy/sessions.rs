//! The runs that go on, by their tokens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{HeaderMap, header};
use service::Secret;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{known::Knowledge, refusal::Refusal, rules::Grant};

/// How many requests of one run are in hand at once; more wait.
const IN_HAND: usize = 32;

/// A run that goes on.
#[derive(Debug)]
pub(super) struct Session {
    pub knowledge: Knowledge,
    pub slots: Arc<Semaphore>,
    /// Cancelled when the run has ended.
    pub over: CancellationToken,
}

/// Tokens are found by their digest: how long that takes tells nothing of them.
type Digested = [u8; 32];

/// The runs that go on.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digested, Arc<Session>>>);

/// A run's admission to MLflow. It ends when this is dropped: requests under way are cut off then.
#[derive(Debug)]
pub struct Admission {
    /// Where the run reaches MLflow.
    pub url: String,
    /// What it shows there: `MLFLOW_TRACKING_TOKEN`.
    pub token: Secret,
    sessions: Arc<Sessions>,
}

impl Sessions {
    /// Admits a run, at the address of the proxy.
    pub fn admit(self: &Arc<Self>, url: String, grant: Grant) -> Admission {
        let token = [Uuid::new_v4(), Uuid::new_v4()].map(|random| random.simple().to_string()).concat();
        let (slots, over) = (Arc::new(Semaphore::new(IN_HAND)), CancellationToken::new());
        let session = Arc::new(Session { knowledge: Knowledge::new(grant), slots, over });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest(&token), session);
        Admission { url, token: Secret::new(token), sessions: Arc::clone(self) }
    }

    /// The run whose token is shown.
    pub fn of(&self, headers: &HeaderMap) -> Result<Arc<Session>, Refusal> {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(shown), None) = (shown.next(), shown.next()) else { return Err(Refusal::Unknown) };
        let token = shown.to_str().ok().and_then(|shown| shown.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token = token.ok_or(Refusal::Unknown)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&digest(token)).cloned().ok_or(Refusal::Unknown)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let session = self.sessions.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest(self.token.expose()));
        if let Some(session) = session {
            session.over.cancel();
        }
    }
}

fn digest(token: &str) -> Digested {
    Sha256::digest(token.as_bytes()).into()
}
