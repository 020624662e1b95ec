//! The API over a real store in a folder of its own: no kernel, no MLflow, and no socket where none is needed.
//!
//! [`World::ask`] holds every answer that is an error against what all errors must be.
#![expect(clippy::unwrap_used, reason = "tests")]

mod errors;
mod lists;
mod notebooks;
mod pipelines;
mod world;

use world::{Answer, World};
