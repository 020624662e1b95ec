//! GitHub over real git repositories: what it answers about them, and how it announces a push.

mod answers;
mod hooks;
mod repository;

pub use hooks::Rights;
pub use repository::{Push, Repository};

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, http::HeaderMap};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::background;
use hooks::Hooks;

/// A request, as GitHub got it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
}

/// All requests, in order.
type Requests = Arc<Mutex<Vec<Asked>>>;

/// A GitHub with an API on a free port, and its archives on another host, as GitHub has them. Dropped, it ends.
pub struct GitHub {
    folder: TempDir,
    port: u16,
    hooks: Hooks,
    requests: Requests,
    tasks: [AbortHandle; 2],
}

impl GitHub {
    /// Starts one without repositories.
    pub fn start() -> Self {
        let folder = crate::folder("mlsys-github-");
        let (port, archives) = (crate::free_port(), crate::free_port());
        let (hooks, requests) = (Hooks::default(), Requests::default());
        let root = answers::Root { folder: folder.path().to_owned(), archives, hooks: hooks.clone() };
        let routes = [(port, answers::routes(root.clone())), (archives, answers::archives(root))];
        let tasks = routes.map(|(port, routes)| serve(port, answers::recorded(routes, &requests)));
        Self { folder, port, hooks, requests, tasks }
    }

    /// The API's address, for `GITHUB_API_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    /// A new, empty repository.
    pub fn repository(&self, full_name: &str) -> Repository {
        Repository::init(full_name, bare(self.folder.path(), full_name))
    }

    /// A repository that is there already, under this name too.
    pub fn adopt(&self, full_name: &str, repository: &Path) {
        let link = bare(self.folder.path(), full_name);
        std::fs::create_dir_all(link.parent().expect("owner and name")).expect("a folder");
        std::os::unix::fs::symlink(repository, link).expect("a link");
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Asked> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn serve(port: u16, routes: Router) -> AbortHandle {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let _guard = background().enter();
    let listener = TcpListener::from_std(listener).expect("a socket");
    background().spawn(async move { axum::serve(listener, routes).await }).abort_handle()
}

fn bare(root: &Path, full_name: &str) -> PathBuf {
    root.join(format!("{full_name}.git"))
}
