//! The whole way of a push, through a real `mlsys up`: git, MLflow, ipykernel, ONNX Runtime. What one package can show alone is
//! tested there: the API in `backend/tests`.
#![expect(clippy::print_stdout, reason = "tests print what they measure")]

mod apart;
mod artifacts;
mod batch;
mod bigquery;
mod changes;
mod commands;
mod contract;
mod crash;
mod data;
mod declared;
mod detail;
mod faults;
mod gates;
mod keys;
mod logs;
mod models;
mod owners;
mod provenance;
mod registry;
mod schedules;
mod secrets;
mod settings;
mod strangers;
mod tables;
mod traffic;
mod tutorial;

use std::sync::OnceLock;

use testkit::{Mlsys, Options};

const BINARY: &str = env!("CARGO_BIN_EXE_mlsys");

/// One mlsys for all tests that don't break it. It stops when this process ends.
fn mlsys() -> &'static Mlsys {
    static SHARED: OnceLock<Mlsys> = OnceLock::new();
    SHARED.get_or_init(|| {
        let environment = [("KERNEL_MEMORY_LIMIT_MB", "1500"), ("WORKER_CONCURRENCY", "2"), ("GITHUB_TOKEN", "a-token")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Mlsys::start(BINARY, Options { environment })
    })
}
