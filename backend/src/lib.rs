//! REST, the webhook, the WebSocket that follows a log, and the dashboard.
//!
//! - [`Backend`]: what the process has; [`Backend::answers`] answers by its routes.
//! - `auth`: who calls, and whether they may; what each route asks for is said in `app`.
//! - `failures`: who sends deliveries that are signed wrongly.
//! - `hooks`: how the pushes of each repository come in.
//! - `routes`: one file a resource.
//! - `direct`: the short way to predictions.
//! - `dashboard`: the pages and their files.
//! - `dispatch`: sends the jobs of pipelines and tasks that wait for a worker.
//! - `changes`: promotions and rollbacks, and what becomes of those that were cut off.
//! - `servers`: the model-servers, as predictions are passed on to them.
//! - [`run`]: the backend as a process of its own; `config`: its settings.
//! - [`openapi_json`]: the API's description, made of the routes.
//! - `links`: where people read on in MLflow.
//! - `error`: the one table that turns errors into problem+json.
//!
//! Architecture invariant: the backend never changes a pipeline that a worker holds; it asks for it.

mod abridge;
mod app;
mod auth;
mod changes;
mod config;
mod dashboard;
mod direct;
mod dispatch;
mod error;
mod failures;
mod hooks;
mod links;
mod openapi;
mod process;
mod repos;
mod routes;
mod servers;

pub use app::{Backend, WEBHOOK_BODY_MAX};
pub use auth::oidc::{OIDC_SETTINGS, OidcConfig};
pub use config::{Config, Mode, ProcessConfig, SETTINGS};
pub use direct::Direct;
pub use openapi::json as openapi_json;
pub use process::{run, serve};
pub use servers::ModelServerHere;
