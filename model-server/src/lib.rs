//! Serves models: over HTTP, several of them, each in several environments, swapped without a failed request.
//!
//! A request's way, by whichever protocol: `api/` (any body → typed rows) → `serve/` (which version answers, admission,
//! statistics) → `scoring` → `api/`. A model's way in: `sync/` (what is to be served) → `load/` (its files fetched, verified,
//! the model started) → `serve/`. An arrow runs only in this order: `api` knows `sync`, which knows `load`, which knows `serve`.
//! Who may ask is found out before all of it, in `access/`.

mod access;
mod api;
pub mod bodies;
mod config;
mod error;
mod files;
mod load;
mod serve;
mod server;
mod sync;

pub use config::{Config, ProvenanceRule, SETTINGS};
pub use error::StartError;
pub use server::ModelServer;
