//! The Open Inference Protocol, version 2, over REST, as Triton, `MLServer` and `KServe` speak it.
//!
//! - [`health`], [`metadata`], [`repository`]: what there is.
//! - [`infer`]: predictions. [`request`] is what is asked, whose tensors [`rows`] makes rows of the model's schema; [`fill`]
//!   reads their elements, from JSON or binary, each of them an [`element`]. [`answer`] has the output as tensors.
//! - [`grpc`]: the same over gRPC.

mod answer;
mod datatype;
mod element;
mod fill;
pub(crate) mod grpc;
mod half;
pub(super) mod health;
pub(super) mod infer;
mod inflate;
pub(super) mod metadata;
pub(super) mod repository;
mod request;
mod rows;

pub(crate) use infer::rows;

use axum::http::request::Parts;
use contract::ModelName;
use service::ApiError;

use super::{choice::Choice, model_name};

/// A model, and which of its versions: as a message names them, or what came with it.
fn named(name: String, version: &str, call: &Parts) -> Result<(ModelName, Choice), ApiError> {
    let version = Some(version).filter(|version| !version.is_empty());
    Ok((model_name(name)?, Choice::read(version, &call.uri, &call.headers)?))
}
