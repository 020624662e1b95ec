//! The code hosts that the suites run on.

use axum::Router;
use forge::{GitHub, Host};

use crate::project::Project;

pub const TOKEN: &str = "a-token";

/// Serves on a free port; returns the URL.
pub async fn serve(routes: Router) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// GitHub with the project's repository.
pub fn github(project: &Project) -> (Host, testkit::GitHub) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let github = testkit::GitHub::start();
    github.adopt("local/titanic", &project.bare);
    (Host::GitHub(GitHub::new(&github.url(), Some(TOKEN)).unwrap()), github)
}

/// The local remote and GitHub, with the same repository.
pub fn both_hosts(project: &Project) -> ([Host; 2], testkit::GitHub) {
    let (at_github, running) = github(project);
    ([Host::Local(project.local.clone()), at_github], running)
}
