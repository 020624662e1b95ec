//! The model-server through HTTP, over ONNX Runtime and Python processes as they are.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bodies;
mod deploying;
mod harness;
mod predicting;
mod python_flavour;
mod swapping;
