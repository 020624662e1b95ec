//! What is served: versions, deployments, who may change them, and the model-servers.
//!
//! | module | keeps |
//! |---|---|
//! | `models` | which models there are, and how many |
//! | `versions` | what was registered |
//! | `owners` | which repository each model's name belongs to |
//! | `deployments` | what is deployed where, and was |
//! | `changes` | pushes, promotions and rollbacks, and the way back |
//! | `candidates` | versions that are tried beside what is deployed |
//! | `locks` | one roll-out at a time of a model in an environment |
//! | `approvals` | promotions that wait for a second person |
//! | `addresses` | where the artifact store is that rows name, and another one |
//! | `environments` | which Python environments versions are served in |
//! | `model_servers` | which model-servers there are, and what they serve |

mod addresses;
mod approvals;
pub(crate) mod candidates;
mod changes;
mod deployments;
mod environments;
mod locks;
mod model_servers;
mod models;
mod owners;
mod versions;

pub use addresses::{Addresses, Readdressed};
pub use approvals::{Approval, ApprovalState, NewApproval, NotAsked};
pub use candidates::{Candidate, Place, Trial};
pub use changes::Pushed;
pub use deployments::{Cause, Change, Deployment, NewDeployment, Serves};
pub use locks::{DeploymentLock, Locked};
pub use models::{ModelCounts, ModelFilter, ModelOrder, ModelSummary};
pub use owners::Recorded;
pub use versions::{DeployedVersion, DeploymentEvent, NewVersion, VersionRecord};

use crate::db::database::Database;

/// Versions, deployments and model-servers. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Serving {
    pub(crate) database: Database,
}
