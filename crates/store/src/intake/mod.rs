//! What asks for pipelines: which repositories push here, webhook deliveries, and what each of them started.
//!
//! | module | keeps |
//! |---|---|
//! | `repos` | which repositories push here |
//! | `secrets` | what their deliveries are signed with |
//! | `run_secrets` | what their notebooks ask for by name |
//! | `data_access` | which tables and files their notebooks may reach |
//! | `reseal` | both, sealed with the newest key |
//! | `deliveries` | webhook deliveries, and what each of them started |
//! | `way_in` | deliveries that arrive at the same time, in one transaction |
//! | `batch`, `plan`, `call` | what such a transaction finds, and what it changes; SQLite's statements for it |

mod batch;
mod call;
mod data_access;
mod deliveries;
mod plan;
mod repos;
mod reseal;
mod run_secrets;
mod secrets;
mod way_in;

pub use data_access::AllowedData;
pub use deliveries::{Accepted, NewDelivery, NewPipeline, PipelineRef};
pub use repos::{Repo, RepoChange};
pub use run_secrets::RunSecret;
pub use secrets::WebhookSecret;

use crate::db::{database::Database, sealing::SealingKeys};

/// Repositories and deliveries. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Intake {
    database: Database,
    way_in: way_in::WayIn,
    /// What secrets are sealed with; none: there are no secrets for runs.
    pub(crate) keys: Option<SealingKeys>,
}

impl Intake {
    pub(crate) fn start(database: &Database) -> Self {
        Self { way_in: way_in::WayIn::start(database), database: database.clone(), keys: None }
    }
}
