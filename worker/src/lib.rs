//! Carries a pipeline through its phases: takes a lease, asks what is next, runs it, records the outcome, repeats.
//!
//! - [`Worker`]: what a worker process has; [`Worker::run`] works off the queue until shutdown.
//! - `drive`: one pipeline under one lease; the only writer of a pipeline's status.
//! - `phases`: one file a phase; [`execution`]: running a notebook, which `mlsys run` does too.
//! - [`runner`]: runs a pipeline in a Kubernetes Job; `pods`: hands the lease to its pod and waits for its end.
//! - [`process`]: the worker as a process of its own; `config`: its settings.
//! - [`tasks`]: background work that is no pipeline; one file a kind.
//! - [`mlflow_proxy`]: MLflow as a run's notebook may use it.
//! - `log`: a pipeline's log, numbered and stored in batches.
//! - [`data`]: the package that notebooks reach tables and files by.
//! - [`packager`]: the Python that packages a model inside the kernel that trained it.
//!
//! Architecture invariant: the worker serves nothing but its health, its metrics and, on the loopback, MLflow to its own runs. It
//! never loads a model or a pickle.

pub mod data;
pub mod execution;
pub mod mlflow_proxy;
pub mod packager;
pub mod runner;

mod config;
mod drive;
mod error;
mod folder;
mod log;
pub mod metrics;
mod phases;
mod pods;
pub mod process;
mod run;
pub mod tasks;
mod worker;

pub use config::{ProcessConfig, Runner, SETTINGS, Tuning};
pub use worker::{Config, Notebooks, Worker};
