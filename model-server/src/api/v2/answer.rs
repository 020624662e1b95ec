//! An output as tensors: in JSON, or behind it.

use std::io;

use scoring::{Numbers, Output};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{super::exchange::Answer, datatype::Datatype};
use crate::serve::Version;

/// The predictions' name, and the probabilities': as `MLServer` calls them.
pub(super) const PREDICT: &str = "predict";
pub(super) const PROBABILITIES: &str = "predict_proba";

/// An output that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    is_probabilities: bool,
    /// Behind the JSON.
    pub(super) is_binary: bool,
}

impl Wanted {
    pub(super) fn predictions(is_binary: bool) -> Self {
        Self { is_probabilities: false, is_binary }
    }

    pub(super) fn name(self) -> &'static str {
        if self.is_probabilities { PROBABILITIES } else { PREDICT }
    }
}

/// The output of a name, if the model has it.
pub(super) fn wanted(name: &str, is_binary: bool, has_probabilities: bool) -> Result<Wanted, String> {
    match name {
        PREDICT => Ok(Wanted::predictions(is_binary)),
        PROBABILITIES if has_probabilities => Ok(Wanted { is_probabilities: true, is_binary }),
        PROBABILITIES => Err(format!("the model gives no {PROBABILITIES:?}")),
        _ => Err(format!("the outputs are {PREDICT:?} and, of classifiers, {PROBABILITIES:?}")),
    }
}

/// What is answered beside the tensors.
pub(super) struct Kept {
    pub(super) id: Option<String>,
    pub(super) outputs: Vec<Wanted>,
}

#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Described<'a>>,
}

#[derive(Serialize)]
struct Described<'a> {
    name: &'static str,
    shape: [usize; 2],
    datatype: Datatype,
    parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Elements<'a>>,
}

/// A tensor of two axes.
pub(super) struct Tensor<'a> {
    pub(super) datatype: Datatype,
    pub(super) shape: [usize; 2],
    pub(super) elements: Elements<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Elements<'a> {
    Floats(&'a [f64]),
    Values(Vec<&'a Value>),
    Owned(Vec<Value>),
}

/// The answer for a version's output.
///
/// # Errors
/// When a label is not one of the classes, or the output has not what is asked for.
pub(super) fn write(version: &Version, output: &Output, Kept { id, outputs }: Kept) -> io::Result<Answer> {
    let tensors: Vec<_> = outputs.iter().map(|wanted| tensor(version, output, *wanted)).collect::<Result<_, _>>()?;
    let (mut described, mut binary) = (Vec::with_capacity(2), Vec::new());
    for (wanted, Tensor { datatype, shape, elements }) in outputs.iter().zip(&tensors) {
        let (parameters, data) = if wanted.is_binary {
            let before = binary.len();
            elements.append(*datatype, &mut binary)?;
            (json!({ "binary_data_size": binary.len() - before }), None)
        } else {
            (json!({ "content_type": "np" }), Some(elements))
        };
        described.push(Described { name: wanted.name(), shape: *shape, datatype: *datatype, parameters, data });
    }
    let (model_name, model_version) = (version.manifest.model_name.as_str(), version.number.to_string());
    let mut body = serde_json::to_vec(&Response { model_name, model_version, id, outputs: described })?;
    if !outputs.iter().any(|wanted| wanted.is_binary) {
        return Ok(Answer::json(body));
    }
    let json_length = body.len();
    body.append(&mut binary);
    Ok(Answer::with_tensors(json_length, body))
}

/// An output's tensor.
pub(super) fn tensor<'a>(version: &'a Version, output: &'a Output, wanted: Wanted) -> io::Result<Tensor<'a>> {
    let absent = || io::Error::other("the model gave no probabilities");
    let classes = version.manifest.classes.as_deref().unwrap_or_default();
    match (output, wanted.is_probabilities) {
        (Output::Classes { labels, .. }, false) => {
            let class = |label: &usize| classes.get(*label).ok_or_else(|| io::Error::other("a label that is not a class"));
            let values = labels.iter().map(class).collect::<Result<Vec<_>, _>>()?;
            let (datatype, shape) = (Datatype::of_values(classes), [values.len(), 1]);
            Ok(Tensor { datatype, shape, elements: Elements::Values(values) })
        }
        (Output::Classes { probabilities, .. }, true) => Ok(numbers(probabilities.as_ref().ok_or_else(absent)?)),
        (Output::Numbers(values), false) => Ok(numbers(values)),
        (Output::Numbers(_), true) => Err(absent()),
        (Output::Json { predictions, .. }, false) => {
            let known = (!classes.is_empty()).then(|| Datatype::of_values(classes));
            parsed(predictions, known)
        }
        (Output::Json { probabilities, .. }, true) => {
            parsed(probabilities.as_deref().ok_or_else(absent)?, Some(Datatype::Fp64))
        }
    }
}

fn numbers(Numbers { values, width }: &Numbers) -> Tensor<'_> {
    let width = width.unwrap_or(1).max(1);
    Tensor { datatype: Datatype::Fp64, shape: [values.len() / width, width], elements: Elements::Floats(values) }
}

/// What another process wrote: a list of values, or of lists.
fn parsed<'a>(json: &RawValue, datatype: Option<Datatype>) -> io::Result<Tensor<'a>> {
    let rows: Vec<Value> = serde_json::from_str(json.get())?;
    let (count, mut values) = (rows.len(), Vec::with_capacity(rows.len()));
    for row in rows {
        match row {
            Value::Array(row) => values.extend(row),
            value => values.push(value),
        }
    }
    let shape = [count, values.len().checked_div(count).unwrap_or(1)];
    if shape[0] * shape[1] != values.len() {
        return Err(io::Error::other("rows of different lengths"));
    }
    let datatype = datatype.unwrap_or_else(|| Datatype::of_values(&values));
    Ok(Tensor { datatype, shape, elements: Elements::Owned(values) })
}

impl Elements<'_> {
    /// Appends them in binary, little-endian.
    pub(super) fn append(&self, datatype: Datatype, binary: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Floats(values) => values.iter().for_each(|value| binary.extend_from_slice(&value.to_le_bytes())),
            Self::Values(values) => values.iter().try_for_each(|value| append(value, datatype, binary))?,
            Self::Owned(values) => values.iter().try_for_each(|value| append(value, datatype, binary))?,
        }
        Ok(())
    }
}

fn append(value: &Value, datatype: Datatype, binary: &mut Vec<u8>) -> io::Result<()> {
    let other = || io::Error::other("a value of another type than the others");
    match datatype {
        Datatype::Bool => binary.push(value.as_bool().ok_or_else(other)?.into()),
        Datatype::Int64 => binary.extend_from_slice(&value.as_i64().ok_or_else(other)?.to_le_bytes()),
        Datatype::Uint64 => binary.extend_from_slice(&value.as_u64().ok_or_else(other)?.to_le_bytes()),
        Datatype::Bytes => {
            let json = value.to_string();
            let text = value.as_str().unwrap_or(&json).as_bytes();
            binary.extend_from_slice(&u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes());
            binary.extend_from_slice(text);
        }
        // What is no number in JSON was none before.
        _ => binary.extend_from_slice(&value.as_f64().unwrap_or(f64::NAN).to_le_bytes()),
    }
    Ok(())
}
