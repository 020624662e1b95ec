//! The rows in a body, of any format that is taken, without a model that answers: for what tries readers with anything.

use axum::body::Bytes;
use scoring::{Batch, Schema};

use crate::api::{
    decode::{self, Shapes, arrow::Form},
    mlflow, v2,
};

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, in any of the shapes that `/predict` takes.
    Json,
    /// JSON, in any of the shapes that MLflow's server takes.
    Mlflow,
    /// CSV, as MLflow's server takes it.
    Csv,
    /// A stream of Arrow's.
    ArrowStream,
    /// A file of Arrow's.
    ArrowFile,
    /// A file of Parquet's.
    Parquet,
    /// A request of the Open Inference Protocol in JSON, which binary tensors may follow.
    Inference {
        /// How much of it is JSON, in bytes, if tensors follow.
        json: Option<usize>,
        /// Whether it is compressed by gzip.
        zipped: bool,
    },
    /// The same as gRPC's message.
    Grpc,
}

/// The rows in it.
///
/// # Errors
/// What is wrong with it.
pub fn read(format: Format, schema: &Schema, body: &Bytes) -> Result<Batch, String> {
    match format {
        Format::Json => decode::decode(schema, Shapes::Ours, body),
        Format::Mlflow => mlflow::Form::Json.rows(schema, body),
        Format::Csv => mlflow::Form::Csv.rows(schema, body),
        Format::ArrowStream => decode::arrow::decode(schema, Form::Stream, body),
        Format::ArrowFile => decode::arrow::decode(schema, Form::File, body),
        Format::Parquet => decode::parquet::decode(schema, body),
        Format::Inference { json, zipped } => v2::rows(schema, json, zipped, body),
        Format::Grpc => v2::grpc::rows(schema, body),
    }
}
