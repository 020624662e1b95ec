//! REST, the webhook, and the WebSocket that follows a log.
//!
//! - [`Backend`]: what the process has; [`Backend::router`] are its routes.
//! - `routes`: one file a resource.
//! - `dispatch`: sends the jobs that the store says are to be sent.
//! - `error`: the one table that turns errors into problem+json.
//!
//! Architecture invariant: the backend never changes a pipeline that a worker holds; it asks for it.

mod app;
mod dispatch;
mod error;
mod routes;

pub use app::{Adapters, Backend, Config, WEBHOOK_BODY_MAX};
