//! A body, read straight into typed columns: JSON in any of the accepted shapes, or one of the formats that have columns.
//!
//! Messages name columns and say what was expected. They never repeat a value or a name that the client sent.

mod array;
pub(crate) mod arrow;
mod body;
mod cell;
mod columns;
mod either;
mod frame;
mod named;
mod nan;
pub(crate) mod parquet;
mod records;
mod split;

pub(super) use frame::room;
pub(super) use nan::without_nan;
use scoring::{Batch, Schema};
use serde_json::error::Category;

/// Most values a request may bring: what bounds the memory that a small body can ask for (`[{},{},…]`).
pub(super) const MAX_CELLS: usize = 1 << 24;

/// Which bodies are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shapes {
    /// An object with one of the four keys, or a list of rows.
    Ours,
    /// Only the object; of its keys, `instances` and `inputs` may each have rows or columns, and `dataframe_records` rows of
    /// an array.
    Mlflow,
}

/// Reads the rows in a body, or says what is wrong with it.
pub(crate) fn decode(schema: &Schema, shapes: Shapes, body: &[u8]) -> Result<Batch, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let batch = body::read((schema, shapes), &mut deserializer).and_then(|batch| deserializer.end().map(|()| batch));
    filled(batch.map_err(|error| explain(&error))?)
}

/// Rows, of which there must be some.
pub(super) fn filled(batch: Batch) -> Result<Batch, String> {
    if batch.rows() == 0 { Err("the body has no rows".to_owned()) } else { Ok(batch) }
}

/// What an error may say, and where in the body it is.
pub(super) fn explain(error: &serde_json::Error) -> String {
    format!("{} (line {}, column {} of the body)", message(error), error.line(), error.column())
}

/// What an error may say. serde's own messages for an unexpected value repeat it, up to what was expected instead;
/// that last part is ours.
pub(super) fn message(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            let text = error.to_string();
            let text = text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())).unwrap_or(&text);
            match text.rsplit_once(", expected ") {
                Some((start, expected)) if start.starts_with("invalid ") => format!("expected {expected}"),
                _ => text.to_owned(),
            }
        }
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io => "not JSON".to_owned(),
    }
}
