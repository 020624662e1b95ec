//! The tools that other tests are made with.

mod github;
mod proxy;
mod servers;
