//! The sessions of one model, each used by one request at a time.

use std::sync::{Arc, Mutex, PoisonError};

use ort::session::Session;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::PredictError;

#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<Vec<Session>>,
    /// A permit for each idle session.
    free: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(sessions: Vec<Session>) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(sessions.len())), idle: Mutex::new(sessions) })
    }
}

/// The right to one session; it goes back to the pool when the lease ends, before the permit does.
pub(super) struct Lease {
    pool: Arc<Pool>,
    session: Option<Session>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// A lease, if a session is idle.
    pub(super) fn now(pool: &Arc<Pool>) -> Option<Self> {
        Arc::clone(&pool.free).try_acquire_owned().ok().map(|permit| Self::with(pool, permit))
    }

    /// A lease, once a session is idle.
    pub(super) async fn wait(pool: &Arc<Pool>) -> Self {
        loop {
            // The semaphore is never closed.
            if let Ok(permit) = Arc::clone(&pool.free).acquire_owned().await {
                return Self::with(pool, permit);
            }
        }
    }

    fn with(pool: &Arc<Pool>, permit: OwnedSemaphorePermit) -> Self {
        let session = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { pool: Arc::clone(pool), session, _permit: permit }
    }

    pub(super) fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, PredictError>) -> Result<T, PredictError> {
        let session = self.session.as_mut().ok_or_else(|| PredictError::Failed("no session".to_owned()))?;
        work(session)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.session.take());
    }
}
