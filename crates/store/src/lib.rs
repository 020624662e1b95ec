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
//! | folder | keeps |
//! |---|---|
//! | `db` | the database: how it is opened and written to, where SQLite and PostgreSQL differ, what is sealed in it |
//! | `intake` | repositories, webhook deliveries, and what each of them started |
//! | `pipelines` | pipelines and all that belongs to one: phases, leases, jobs, log, notebook |
//! | `serving` | versions, deployments, the locks of those who change them, model-servers |
//! | `tasks` | background work that is no pipeline: tasks, their leases and jobs |
//! | `batches` | batch predictions and their shards |
//! | `schedules` | schedules, and what became of each firing |
//! | `access` | people, their grants and sessions, keys, and who did what |
//! | `retention` | what is old enough to go, and its removal |

mod access;
mod batches;
mod db;
mod error;
mod intake;
mod pipelines;
mod retention;
mod schedules;
mod serving;
mod store;
mod tasks;

pub use access::{
    Access, AuditEntry, AuditFilter, Caller, FromIssuer, Key, NewAuditEntry, NewKey, NewPerson, NewSession, Person,
    PersonChange, Purpose, Session, Subject,
};
pub use batches::{Batch, BatchFilter, Batches, Created, NewBatch, ShardDone, ShardEnd, ShardWork};
pub use db::sealing::{BadKeys, SealingKeys};
pub use error::{Outage, StoreError};
pub use intake::{
    Accepted, AllowedData, Intake, NewDelivery, NewPipeline, PipelineRef, Repo, RepoChange, RunSecret, WebhookSecret,
};
pub use pipelines::{
    Attention, DayStatistics, Description, Details, Filter, Lease, LeaseState, NeedsPerson, PipelineCounts, Pipelines,
    Reason, StatusCounts,
};
pub use retention::{Cursor, Ended, OldVersion, Retention, VersionCursor};
pub use schedules::{
    Began, Declaration, DeclaredChange, Fired, Firing, NewSchedule, ReadFiles, Schedule, ScheduleChange, ScheduleFilter,
    Schedules, Source,
};
pub use serving::{
    Addresses, Approval, ApprovalState, Candidate, Cause, Change, DeployedVersion, Deployment, DeploymentEvent,
    DeploymentLock, Locked, ModelCounts, ModelFilter, ModelOrder, ModelSummary, NewApproval, NewDeployment, NewVersion,
    NotAsked, Place, Pushed, Readdressed, Recorded, Serves, Serving, Trial, VersionRecord,
};
pub use store::Store;
pub use tasks::{NewTask, TaskJob, TaskLease, TaskLeaseState, TaskRecord, Tasks};
