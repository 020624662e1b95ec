//! The Open Inference Protocol, version 2, over REST, as Triton, `MLServer` and `KServe` speak it.
//!
//! - [`health`], [`metadata`], [`repository`]: what there is.
//! - [`infer`]: predictions. [`request`] is what is asked, whose tensors [`rows`] makes rows of the model's schema; [`fill`]
//!   reads their elements, from JSON or binary, each of them an [`element`]. [`answer`] has the output as tensors.

mod answer;
mod datatype;
mod element;
mod fill;
mod half;
pub(super) mod health;
pub(super) mod infer;
mod inflate;
pub(super) mod metadata;
pub(super) mod repository;
mod request;
mod rows;
