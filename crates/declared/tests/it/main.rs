//! What `mlsys.toml` files declare, and where they are.
#![expect(clippy::unwrap_used, reason = "tests")]

mod files;
mod read;
