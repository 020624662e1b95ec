//! MLflow as a run of a notebook may use it: a server on the loopback that admits whoever shows the token of a run that goes on,
//! to what belongs to that run.
//!
//! - `call`: a request in parts, each read once; what is passed on is built of them.
//! - `rules`: what a run may do, as an allow-list. Pure.
//! - `known`: what the rules' identifiers stand for, asked of MLflow.
//! - `sessions`: the runs that go on, by their tokens.
//! - `serve`: the server: judges, passes on, streams.
//! - `refusal`: what is answered instead, in MLflow's own form.

mod call;
mod known;
mod refusal;
mod rules;
mod serve;
mod sessions;

pub use rules::Grant;
pub use serve::Proxy;
pub use sessions::Admission;
