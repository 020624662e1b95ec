//! Takes a version into service in an environment: the store's row, then most model-servers, then MLflow's alias; or all the
//! way back. Pushes, promotions and rollbacks go through the same steps, and nobody else does any of them.
//!
//! | step | when it fails |
//! |---|---|
//! | lock of the model in the environment | nothing was changed |
//! | files: there, or copied, every digest checked | nothing was changed but a copy that nobody looks at |
//! | the row, noted in the lock | nothing was changed |
//! | most model-servers have loaded, warmed up and self-tested it | the row goes back, then the alias follows the row |
//! | MLflow's alias | the row goes back, then the alias follows the row |
//! | unlock | the change stands; the lock runs out, and whoever takes it goes through the steps again |
//!
//! Whoever dies in the middle leaves a lock that runs out. If it names a change, whoever takes the lock next, for a change of
//! their own or because they look for such locks, goes through that change's steps from the row on: it is made, or undone as
//! a whole. Model-servers go by the row, so that those which were not reached follow by themselves.
//!
//! A version may be tried beside the deployed one, with a share of its requests (`traffic`). Its row is written under the same
//! lock, and is not noted there: model-servers go by the row, and a change that was cut off leaves nothing that is half.
//! When it is promoted, that is a change like the others, but that servers have nothing to load.
//!
//! This crate does not decide whether a version should be deployed: gates and permissions come before.

mod error;
mod order;
mod steps;
mod traffic;

pub use error::RolloutError;
pub use order::{Patience, Push};
pub use steps::{RolledOut, Rollout};
