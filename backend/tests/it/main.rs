//! The API over a real store in a folder of its own: no kernel, no MLflow, and no socket where none is needed.
//!
//! [`World::ask`] holds every answer that is an error against what all errors must be.
#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod approvals;
mod dashboard;
mod data;
mod declared;
mod errors;
mod guards;
mod internal;
mod issuer;
mod lists;
mod logs;
mod malformed;
mod models;
mod notebooks;
mod oidc;
mod openapi;
mod peer;
mod pipelines;
mod repos;
mod run_secrets;
mod scoped;
mod secrets;
mod settings;
mod signing;
mod tables;
mod traffic;
mod webhook;
mod world;

use world::{Answer, World};
