//! The model-servers, as other processes reach them: how a deployment gets to most of them, and what they count.
//!
//! What is deployed is decided by the store's row; every server brings itself in line with it. A call here only makes that
//! quick, and brings the answer back. Which servers there are is for the caller to know.

mod client;
mod load;
mod share;
mod traffic;

pub use client::{Fleet, SEEN_WITHIN};
pub use load::{LAG, LOAD_TIMEOUT, LoadError, Reached};
pub use traffic::{ShadowTraffic, TrafficBucket, TrafficError, VersionTraffic};
