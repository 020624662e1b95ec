//! Serves models: load (digest, warm-up, proof), predict, swap without a failed request.
//!
//! A request's way: `routes/predict.rs` → `decode/` (any body → typed columns) → `engine.rs` (one of `flavours/`) →
//! `answer.rs`. A model's way in: `loader.rs` → `workshop.rs` → `registry.rs`. Who asks for it: `routes/internal.rs`, or
//! `reconcile.rs`, which follows `backend.rs`; `targets.rs` knows which of them is newer.

mod answer;
mod backend;
mod batch;
mod config;
mod decode;
mod deployed;
mod engine;
mod error;
mod flavours;
mod loader;
mod meter;
mod model;
mod onnxruntime;
mod proof;
mod reconcile;
mod registry;
mod routes;
mod schema;
mod server;
mod targets;
mod workshop;

pub use config::{Config, SETTINGS};
pub use error::StartError;
pub use onnxruntime::find_onnxruntime;
pub use server::ModelServer;
