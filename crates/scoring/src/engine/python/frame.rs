//! The frames' JSON.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{Batch, Cells, Output, PredictError, Schema};

/// A request without its id, which the driver gives: everything after `{"id":N`.
pub(super) fn request(schema: &Schema, batch: &Batch) -> Result<Vec<u8>, PredictError> {
    let body = match (schema, batch) {
        (Schema::Table(schema), Batch::Table { columns, .. }) => {
            let names = schema.columns.iter().map(|column| column.name.as_str());
            serde_json::to_vec(&Rows::Columns(Columns(names.zip(columns).collect())))
        }
        (Schema::Array(schema), Batch::Array { shape, cells }) => {
            serde_json::to_vec(&Rows::Tensor { dtype: &schema.dtype, shape, data: cells })
        }
        _ => return Err(PredictError::Failed("the rows are not of the model's kind".to_owned())),
    };
    let mut body = body.map_err(|error| PredictError::Failed(error.to_string()))?;
    if let Some(brace) = body.first_mut() {
        *brace = b',';
    }
    Ok(body)
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Rows<'a> {
    Columns(Columns<'a>),
    Tensor { dtype: &'a str, shape: &'a [usize], data: &'a Cells },
}

struct Columns<'a>(Vec<(&'a str, &'a Cells)>);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cells) in &self.0 {
            map.serialize_entry(name, cells)?;
        }
        map.end()
    }
}

/// What the child says first.
#[derive(Debug, Deserialize)]
pub(super) struct Greeting {
    #[serde(default)]
    pub(super) ready: bool,
    #[serde(default)]
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    id: u64,
    #[serde(borrow, default)]
    predictions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    probabilities: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    kind: String,
    message: String,
    #[serde(default)]
    column: Option<String>,
}

/// The answer in a frame; `None` when it is not the answer to request `id`.
pub(super) fn answer(frame: &[u8], id: u64) -> Option<Result<Output, PredictError>> {
    let reply: Reply<'_> = serde_json::from_slice(frame).ok().filter(|reply: &Reply<'_>| reply.id == id)?;
    match (reply.predictions, reply.error) {
        (Some(predictions), None) => Some(Ok(Output::Json {
            predictions: predictions.to_owned(),
            probabilities: reply.probabilities.map(ToOwned::to_owned),
        })),
        (None, Some(fault)) => Some(Err(fault.into())),
        _ => None,
    }
}

impl From<Fault> for PredictError {
    /// The program words its messages so that they hold no value of a row.
    fn from(fault: Fault) -> Self {
        match (fault.kind.as_str(), fault.column) {
            ("bad_input", Some(column)) => Self::BadInput(format!("column {column:?}: {}", fault.message)),
            ("bad_input", None) => Self::BadInput(fault.message),
            _ => Self::Failed(fault.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_another_request_is_none() {
        let frame = br#"{"id":7,"predictions":[1]}"#;
        assert!(matches!(answer(frame, 7), Some(Ok(_))));
        assert!(answer(frame, 8).is_none());
        assert!(answer(b"print", 7).is_none());
    }

    #[test]
    fn a_refusal_names_the_column() {
        let frame = br#"{"id":1,"error":{"kind":"bad_input","message":"it is wrong","column":"Age"}}"#;
        let refused = answer(frame, 1).expect("an answer").expect_err("an error");
        assert!(matches!(refused, PredictError::BadInput(text) if text == "column \"Age\": it is wrong"));
    }
}
