//! Bodies whose formats are read byte by byte, by themselves: for what tries them with anything.

use axum::body::Bytes;
use scoring::{Batch, Schema};

pub use crate::api::decode::arrow::Form as ArrowForm;
use crate::api::decode::{self, Shapes};

/// The rows in JSON, in any of the shapes that `/predict` takes.
///
/// # Errors
/// What is wrong with it.
pub fn json(schema: &Schema, body: &[u8]) -> Result<Batch, String> {
    decode::decode(schema, Shapes::Ours, body)
}

/// The rows in a stream or a file of Arrow's.
///
/// # Errors
/// What is wrong with it.
pub fn arrow(schema: &Schema, form: ArrowForm, body: &Bytes) -> Result<Batch, String> {
    decode::arrow::decode(schema, form, body)
}

/// The rows in a file of Parquet's.
///
/// # Errors
/// What is wrong with it.
pub fn parquet(schema: &Schema, body: &[u8]) -> Result<Batch, String> {
    decode::parquet::decode(schema, body)
}
