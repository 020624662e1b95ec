//! Rows in, predictions out.
//!
//! [`Model::load`] takes a folder of verified files and their manifest, starts one of the engines in `engine/`, warms it
//! up, and has it answer the model's own example (`self_test`): only a model that answers as the estimator did when it was
//! packaged is ever given out. [`Model::predict`] takes a [`Batch`]: typed columns or one array, which [`Cell`] fills value
//! by value, each checked against the model's [`Schema`]; a [`Frame`] fills them column by column, also from Arrow's ([`append`]).
//!
//! Deliberately not here: HTTP, the forms in which rows arrive and answers leave, where files come from, and which version
//! of a model answers.

mod batch;
mod cell;
mod engine;
mod error;
mod example;
mod frame;
mod model;
mod output;
mod runtime;
mod schema;
mod self_test;

pub use batch::{Batch, Cells, Texts};
pub use cell::{BadCell, Cell};
pub use engine::{
    native::{Computing, Turn},
    onnx::library::find_onnxruntime,
};
pub use error::{LoadError, PredictError, RuntimeError};
pub use frame::{Appended, Frame, Room, Unit, Value, append, date, decimal, interleaved, time};
pub use model::Model;
pub use output::{Decision, Explanations, Extras, Memory, More, Numbers, Output, Prediction, Spent};
pub use runtime::{Runtime, RuntimeConfig};
pub use schema::{ArraySchema, Schema, TableSchema};
