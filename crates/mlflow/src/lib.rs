//! MLflow's REST API, typed, and an MLflow server of our own where there is none.
//!
//! Only what a pipeline needs: experiments, runs, artifacts through the server's proxy, logged models, the
//! registry. Nothing is retried here that may fail for long;
//! [`MlflowError::Unavailable`] says what may be.
//!
//! The shapes are those of MLflow 3.17; unknown fields are ignored.

mod artifacts;
mod batch;
mod client;
mod error;
mod experiments;
mod models;
mod number;
mod places;
mod registry;
mod runs;
mod server;

pub use batch::Batch;
pub use client::{Client, Timeouts};
pub use error::MlflowError;
pub use models::LoggedModel;
pub use places::{Experiment, Place};
pub use runs::{Metric, NewRun, Run, RunRecord, RunStatus};
pub use server::{Server, ServerConfig, ServerError};
