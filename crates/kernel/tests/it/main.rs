//! Runs notebooks on real kernels.
#![expect(clippy::unwrap_used, reason = "tests")]

mod confined;
mod death;
mod harness;
mod limits;
mod mlflow;
mod outputs;
mod packages;
mod papermill;
mod platform;
mod pool;
mod secrets;
mod start;
mod streams;
mod wire;
