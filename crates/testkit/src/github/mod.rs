//! GitHub over real git repositories: what it answers about them, and how it announces a push.

mod answers;
mod repository;

pub use repository::{Push, Repository};

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::{net::TcpListener, task::AbortHandle};

use crate::background;

/// A GitHub with an API on a free port. Dropped, it ends.
pub struct GitHub {
    folder: TempDir,
    port: u16,
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
        let routes = answers::routes(folder.path().to_owned(), port);
        let task = background().spawn(async move { axum::serve(listener, routes).await }).abort_handle();
        Self { folder, port, task }
    }

    /// The API's address, for `GITHUB_API_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    /// A new, empty repository.
    pub fn repository(&self, full_name: &str) -> Repository {
        Repository::init(full_name, bare(self.folder.path(), full_name))
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
