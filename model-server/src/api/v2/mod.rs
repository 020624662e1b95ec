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
pub(super) mod grpc;
mod half;
pub(super) mod health;
pub(super) mod infer;
mod inflate;
pub(super) mod metadata;
pub(super) mod repository;
mod request;
mod rows;

use axum::http::StatusCode;
use contract::ModelName;
use serde::Deserialize;
use service::ApiError;

use super::{exchange::Choice, model_name};

/// The model that a path names, and perhaps its version.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    name: String,
    version: Option<String>,
}

impl Named {
    /// The model, and which of its versions.
    fn choose(self, choice: Choice) -> Result<(ModelName, Choice), ApiError> {
        let unknown = || ApiError::new(StatusCode::NOT_FOUND, "version_not_found", "this cannot be a model's version");
        let choice = choice.of_path(self.version.as_deref()).ok_or_else(unknown)?;
        Ok((model_name(self.name)?, choice))
    }
}

/// A model, and which of its versions, as a message names them; no version is the one that answers.
fn named(name: String, version: String) -> Result<(ModelName, Choice), ApiError> {
    let version = (!version.is_empty()).then_some(version);
    Named { name, version }.choose(Choice { version: None, env: None })
}
