//! The same protocol over gRPC: one message in, one out, over HTTP/2 on the same port.
//!
//! What is asked becomes what it would be over REST ([`request`]), and goes the same way. [`wire`] has what gRPC adds to HTTP,
//! [`answer`] the output's tensors as a message. Errors are said by [`Dialect::Grpc`](super::super::dialect::Dialect).

mod answer;
mod health;
mod infer;
mod models;
mod request;
mod wire;

pub(crate) use infer::rows;
pub(super) use request::each;
pub(in super::super) use {
    health::{check, live, ready},
    infer::infer,
    models::{index, metadata, model_ready, refuse, server_metadata},
    wire::{keep_deadline, unknown},
};

use axum::Router;

/// The protocol's messages, made from `proto/`.
mod proto {
    #![expect(
        clippy::doc_markdown,
        clippy::enum_variant_names,
        clippy::struct_field_names,
        clippy::trivially_copy_pass_by_ref,
        reason = "generated"
    )]

    include!(concat!(env!("OUT_DIR"), "/inference.rs"));

    /// gRPC's own.
    pub(super) mod health {
        include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
    }
}

pub(super) use proto::InferTensorContents;

/// Tells clients what is spoken, in both versions of the protocol for that.
pub(in super::super) fn reflection<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let described = || {
        let descriptors = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
        tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(descriptors)
    };
    match (described().build_v1(), described().build_v1alpha()) {
        (Ok(current), Ok(former)) => Router::new()
            .route_service("/grpc.reflection.v1.ServerReflection/{method}", current)
            .route_service("/grpc.reflection.v1alpha.ServerReflection/{method}", former),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "gRPC's reflection is not served");
            Router::new()
        }
    }
}
