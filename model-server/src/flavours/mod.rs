//! What can compute a model's predictions; one module for each.

pub(crate) mod onnx;
pub(crate) mod python;
