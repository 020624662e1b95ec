//! The crate as others see it: real sockets, real requests, processes of their own.
#![expect(clippy::unwrap_used, reason = "tests")]

mod collector;
mod doors;
mod exposition;
mod health;
mod layers;
mod metrics;
mod network;
mod process;
mod traces;

use axum::Router;
use reqwest::Client;
use service::{Network, Shutdown, serve};
use tokio::{net::TcpListener, task::JoinHandle};

/// Serves a router on a free port until it is dropped.
struct Served {
    url: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(router: Router) -> Self {
        Self::over(router, Network::default()).await
    }

    /// The same over a network.
    async fn over(router: Router, network: Network) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, task: tokio::spawn(serve(listener, router, network, Shutdown::new())) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn client() -> Client {
    // Another test of the process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(std::time::Duration::from_secs(10)).build().unwrap()
}
