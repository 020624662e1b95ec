//! A double of Google Cloud Storage: its XML API, as far as a store of files needs it.
//!
//! Source: <https://cloud.google.com/storage/docs/xml-api/overview>, for each request the page of its own, and
//! <https://cloud.google.com/storage/docs/xml-api/reference-status> for the errors.

mod answers;
mod objects;
mod routes;

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, extract::DefaultBodyLimit};
use tokio::task::AbortHandle;

use crate::background;
use objects::Objects;

/// A Google Cloud Storage on a free port. Dropped, it ends with all its buckets.
#[derive(Debug)]
pub struct Gcs {
    port: u16,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    objects: Mutex<Objects>,
    /// Answered instead of what was asked, one after the other.
    failures: Mutex<VecDeque<u16>>,
    /// Whether every credential is refused.
    locked: bool,
}

impl Gcs {
    /// Starts one that accepts every credential.
    pub fn start() -> Self {
        Self::serve(State::default())
    }

    /// Starts one that refuses every credential.
    pub fn locked() -> Self {
        Self::serve(State { locked: true, ..State::default() })
    }

    fn serve(state: State) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(state);
        let router = Router::new().fallback(routes::answer).layer(DefaultBodyLimit::disable()).with_state(state.clone());
        let _guard = background().enter();
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
        let task = background().spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Self { port, state, task }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) {
        self.objects().buckets.entry(name.to_owned()).or_default();
    }

    /// Answers the next requests with these statuses instead of doing what they ask.
    pub fn fail_next(&self, statuses: impl IntoIterator<Item = u16>) {
        self.state.failures.lock().unwrap_or_else(PoisonError::into_inner).extend(statuses);
    }

    /// The uploads in parts that were neither sealed nor abandoned.
    pub fn open_uploads(&self) -> usize {
        self.objects().uploads.len()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.state.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Gcs {
    fn drop(&mut self) {
        self.task.abort();
    }
}
