//! Durable truth: repositories, deliveries, pipelines, leases, logs, versions and deployments, in SQL.
//!
//! One SQL text serves SQLite and PostgreSQL, but where deliveries are written, and one database serves many processes.
//! Only the store knows that there is SQL. Every operation is one transaction: it happened whole when its future answers
//! `Ok`, and it survives a power cut from then on. All times are by the database's clock. No operation waits longer for the
//! database than some seconds: then it is [`StoreError::Unavailable`], and works again when the database does; after a disk
//! could not make SQLite's log safe, only when the process is started again.
//! Nothing is decided here that needs more than the rows: which phase comes next, or whether a gate passes, is
//! the business of `pipeline`.
//!
//! | module | keeps |
//! |---|---|
//! | `store` | the store: its database and who writes deliveries to it |
//! | `loan` | connections: a pool's, or a lane's only one |
//! | `database` | which there are, writes, time-outs, the migrations |
//! | `dialect` | where SQLite and PostgreSQL differ |
//! | `repos` | which repositories push here |
//! | `deliveries` | webhook deliveries, and what each of them started |
//! | `intake` | deliveries that arrive at the same time, in one transaction |
//! | `batch`, `plan`, `call` | what such a transaction finds, and what it changes; SQLite's statements for it |
//! | `pipelines` | pipelines |
//! | `details` | what is known of a pipeline besides its record |
//! | `checkpoints`, `log_sync` | SQLite's log, copied and made durable beside the writer |
//! | `phases` | the phases of a pipeline and their checkpoints |
//! | `take` | whose turn it is |
//! | `leases` | which worker holds a pipeline; the fence that keeps a dead one from writing |
//! | `jobs` | which pipelines the queue is to be told of |
//! | `logs` | log lines |
//! | `notebooks` | notebooks, as far as they have been executed |
//! | `statistics` | how pipelines ended, day by day |
//! | `versions` | what was registered |
//! | `deployments` | what is deployed where, and was |
//! | `changes` | promotions and rollbacks, one at a time in an environment |
//! | `model_servers` | which model-servers there are, and what they serve |

mod batch;
mod call;
mod changes;
mod checkpoints;
mod database;
mod deliveries;
mod deployments;
mod details;
mod dialect;
mod error;
mod fields;
mod intake;
mod jobs;
mod leases;
mod loan;
mod log_sync;
mod logs;
mod model_servers;
mod notebooks;
mod phases;
mod pipelines;
mod plan;
mod repos;
mod statistics;
mod store;
mod take;
mod versions;

pub use changes::Claim;
pub use deliveries::{Accepted, NewDelivery, NewPipeline, PipelineRef};
pub use deployments::{Begun, Cause, Change, Deployment, NewDeployment};
pub use details::Details;
pub use error::{Outage, StoreError};
pub use leases::{Lease, LeaseState};
pub use pipelines::{Description, Filter};
pub use repos::{Repo, RepoChange};
pub use statistics::DayStatistics;
pub use store::Store;
pub use versions::{DeploymentEvent, ModelSummary, NewVersion, Standing, VersionRecord};
