//! What should happen to a push: pure decisions, without a clock, I/O or logs.
//!
//! - [`Trigger`]: which notebooks a push runs.
//! - [`validate`]: the notebook contract, read from the file's bytes without running anything.
//! - [`parameters`]: what a notebook can be told for a run.
//! - [`without_outputs`]: a notebook file as JSON text, whatever its stored outputs hold.
//! - [`next_phase`], [`may_replace`]: a pipeline's state machine and the rule that deploys never go backwards.
//! - [`Gate`], [`decide`]: whether a trained model is good enough to be deployed.
//! - [`access`]: who may do what.
//! - [`canary`]: whether a version that is tried beside another keeps to its rules.
//! - [`schedule`]: when schedules fire.
//! - [`backoff`]: when something that may work later is tried again.
//!
//! Whoever calls these functions fetches the bytes, reads the clock and writes down what was decided.

pub mod access;
pub mod canary;
mod gate;
mod notebook;
mod plan;
mod retry;
pub mod schedule;
mod trigger;

pub use gate::{Decision, Demanded, Gate, GateError, decide};
pub use notebook::{Contract, Verdict, Violation, parameters, validate, without_outputs};
pub use plan::{may_replace, next_phase};
pub use retry::{MAX_ATTEMPTS, backoff};
pub use trigger::{DECLARATIONS, Trigger, TriggerError, declares, is_notebook};
