//! Durable truth: repositories, deliveries, pipelines, leases, logs, versions and deployments, in SQL.
//!
//! One SQL text serves SQLite and PostgreSQL. Only the store knows that there is SQL. Every operation is one
//! transaction: it happened whole when its future answers `Ok`, and it survives a power cut from then on.
//! Nothing is decided here that needs more than the rows: which phase comes next, or whether a gate passes, is
//! the business of `pipeline`.
//!
//! | module | keeps |
//! |---|---|
//! | `database` | the file, its two pools, the migrations |
//! | `repos` | which repositories push here |
//! | `deliveries` | webhook deliveries, and what each of them started |
//! | `pipelines` | pipelines and their queue marks |
//! | `phases` | the phases of a pipeline and their checkpoints |
//! | `leases` | which worker holds a pipeline; the fence that keeps a dead one from writing |
//! | `logs` | log lines |
//! | `notebooks` | executed notebooks |
//! | `versions` | what was registered |
//! | `deployments` | what is deployed where |

mod database;
mod deliveries;
mod deployments;
mod error;
mod fields;
mod leases;
mod logs;
mod notebooks;
mod phases;
mod pipelines;
mod repos;
mod versions;

pub use database::Store;
pub use deliveries::{Accepted, NewDelivery, NewPipeline, PipelineRef};
pub use deployments::Deployment;
pub use error::StoreError;
pub use leases::{Lease, LeaseState};
pub use pipelines::{Description, Filter};
pub use repos::Repo;
pub use versions::{ModelSummary, NewVersion, VersionRecord};
