//! The code host through its public face: real git, real pushes, and a GitHub double over a real repository.
#![expect(clippy::unwrap_used, reason = "tests")]

mod changed_files;
mod download;
mod hosts;
mod local;
mod payloads;
mod project;
mod refusals;
mod webhook;
