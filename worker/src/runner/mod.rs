//! Runs pipelines elsewhere: one Kubernetes Job each.
//!
//! - [`KubernetesRunner`]: makes the Job, watches it and its pod, and says as a [`PodEnd`] what became of them.
//! - [`KubernetesConfig`], [`SETTINGS`]: where Jobs run and as what.
//! - [`Resources`]: what a pod is given.
//! - `spec`: the Job. `state`: what a Job and its pod say of themselves. `news`: both, watched. `api`: calls that
//!   outlive an outage. `sweep`: Jobs that nobody waits for.
//!
//! The pod does the pipeline's work and writes its row; nothing here knows the store.

mod api;
mod config;
mod follow;
mod kubernetes;
mod news;
mod resources;
mod spec;
mod state;
mod sweep;

pub use config::{KubernetesConfig, SETTINGS};
pub use kubernetes::{ConnectError, KubernetesRunner, Log, PipelineJob, PodEnd, TRY_AGAIN};
pub use resources::{Resources, ResourcesError};
