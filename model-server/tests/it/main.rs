//! The model-server through HTTP, over ONNX Runtime and Python processes as they are.
#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod backend_double;
mod bodies;
mod changed;
mod columns;
mod deploying;
mod fencing;
mod following;
mod grpc;
mod grpc_client;
mod grpc_wire;
mod harness;
mod keeping;
mod memory;
mod metrics;
mod mlflow_peer;
mod native;
mod openapi;
mod overload;
mod pins;
mod predicting;
mod protocols;
mod provenance;
mod python_flavour;
mod routes;
mod several;
mod shadows;
mod sharing;
mod swapping;
mod traffic;
mod v2;
mod v2_binary;
mod wants;
