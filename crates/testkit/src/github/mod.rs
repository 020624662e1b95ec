//! GitHub over real git repositories: what it answers about them, and how it announces a push.

mod answers;
mod hooks;
mod repository;

pub use hooks::Rights;
pub use repository::{Push, Repository};

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::background;
use hooks::Hooks;

/// A GitHub with an API on a free port. Dropped, it ends.
pub struct GitHub {
    folder: TempDir,
    port: u16,
    hooks: Hooks,
    task: AbortHandle,
}

impl GitHub {
    /// Starts one without repositories.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("mlsys-github-").tempdir().expect("a folder");
        let port = crate::free_port();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let _guard = background().enter();
        let listener = TcpListener::from_std(listener).expect("a socket");
        let hooks = Hooks::default();
        let routes = answers::routes(folder.path().to_owned(), port, hooks.clone());
        let task = background().spawn(async move { axum::serve(listener, routes).await }).abort_handle();
        Self { folder, port, hooks, task }
    }

    /// The API's address, for `GITHUB_API_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    /// A new, empty repository.
    pub fn repository(&self, full_name: &str) -> Repository {
        Repository::init(full_name, bare(self.folder.path(), full_name))
    }

    /// What the token may do with a repository; before this, everything.
    pub fn restrict(&self, full_name: &str, rights: Rights) {
        self.hooks.restrict(full_name, rights);
    }

    /// A repository's webhooks, as GitHub's answers have them, with their secrets.
    pub fn hooks(&self, full_name: &str) -> Vec<Value> {
        self.hooks.of(full_name)
    }

    /// Replaces them, as a person could.
    pub fn set_hooks(&self, full_name: &str, hooks: Vec<Value>) {
        self.hooks.set(full_name, hooks);
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn bare(root: &Path, full_name: &str) -> PathBuf {
    root.join(format!("{full_name}.git"))
}
