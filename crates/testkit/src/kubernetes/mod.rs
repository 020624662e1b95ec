//! A double of Kubernetes: an API server with Jobs, pods and events over real HTTP, and behind it a Job controller and a
//! node that really runs a pod's program.
//!
//! - `routes`, `watch`, `status`, `selector`: what the API server says. `state`: what it keeps. `check`: what it refuses.
//! - `controller`: Jobs. `kubelet`, `container`: pods and their processes.

mod check;
mod container;
mod controller;
mod double;
mod kubelet;
mod quantity;
mod routes;
mod selector;
mod state;
mod status;
mod watch;

use double::{Cluster, Order, Wishes};
pub use double::{KubernetesApi, Node};

/// The time, as Kubernetes writes it.
fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds).expect("a time").to_string()
}
