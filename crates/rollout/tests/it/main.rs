//! The saga: each step fails in turn, and whoever carries it out dies between any two of them; for a push, a promotion and a
//! rollback. Store, artifacts and MLflow are real; the model-servers speak as real ones do, and fail when told to.
//!
//! Before every change version 1 serves; the change leads to version 2. Afterwards the row, both servers and the alias say
//! the same: 2 if the change was made, 1 if it was not.
#![expect(clippy::unwrap_used, reason = "tests")]

mod candidates;
mod deaths;
mod failures;
mod locks;
mod servers;
mod world;
