//! Carries a pipeline through its phases: takes a lease, asks what is next, runs it, records the outcome, repeats.
//!
//! - [`Worker`]: what a worker process has; [`Worker::run`] works off the queue until shutdown.
//! - `drive`: one pipeline under one lease; the only writer of a pipeline's status.
//! - `phases`: one file a phase.
//! - `log`: a pipeline's log, numbered and stored in batches.
//! - [`environments`]: Python environments for notebooks that name their dependencies, cached by content.
//! - [`packager`]: the Python that packages a model inside the kernel that trained it.
//!
//! Architecture invariant: the worker never listens on a socket and never loads a model or a pickle.

pub mod environments;
pub mod packager;

mod drive;
mod error;
mod log;
pub mod metrics;
mod phases;
mod run;
mod worker;

pub use worker::{Adapters, Config, Hosts, Worker};
