//! An output as tensors: in JSON, or behind it.

use std::{io, time::Duration};

use scoring::{Extras, Numbers, Output, Prediction};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{super::exchange::Answer, datatype::Datatype};
use crate::serve::Version;

/// The predictions' name, and the probabilities': as `MLServer` calls them.
pub(super) const PREDICT: &str = "predict";
pub(super) const PROBABILITIES: &str = "predict_proba";
/// How many outputs there may be.
pub(super) const OUTPUTS: usize = 3;

/// What an output is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Predictions,
    Probabilities,
    /// Its name is the estimator's method.
    Decision(&'static str),
}

/// An output that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    what: What,
    /// Behind the JSON.
    pub(super) is_binary: bool,
}

impl Wanted {
    pub(super) fn predictions(is_binary: bool) -> Self {
        Self { what: What::Predictions, is_binary }
    }

    pub(super) fn name(self) -> &'static str {
        match self.what {
            What::Predictions => PREDICT,
            What::Probabilities => PROBABILITIES,
            What::Decision(method) => method,
        }
    }
}

/// The output of a name, if a version has it.
pub(super) fn wanted(name: &str, is_binary: bool, version: &Version) -> Result<Wanted, String> {
    let has_probabilities = !version.manifest.expected_output["probabilities"].is_null();
    let what = match (name, version.decides()) {
        (PREDICT, _) => What::Predictions,
        (PROBABILITIES, _) if has_probabilities => What::Probabilities,
        (PROBABILITIES, _) => return Err(format!("the model gives no {PROBABILITIES:?}")),
        (name, Some(method)) if name == method => What::Decision(method),
        (_, method) => {
            let decision = method.map(|method| format!(" and {method:?}")).unwrap_or_default();
            return Err(format!("the outputs are {PREDICT:?} and, of classifiers, {PROBABILITIES:?}{decision}"));
        }
    };
    Ok(Wanted { what, is_binary })
}

/// What is answered beside the tensors.
pub(super) struct Kept {
    pub(super) id: Option<String>,
    pub(super) outputs: Vec<Wanted>,
    /// How long whoever asks waits.
    pub(super) timeout: Option<Duration>,
}

impl Kept {
    /// What the engine is to compute besides.
    pub(super) fn extras(&self) -> Extras {
        let decision = self.outputs.iter().any(|wanted| matches!(wanted.what, What::Decision(_)));
        Extras { decision, explanations: false }
    }
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

/// The answer for what a version said.
///
/// # Errors
/// When a label is not one of the classes, or what is asked for was not said.
pub(super) fn write(version: &Version, prediction: &Prediction, Kept { id, outputs, .. }: Kept) -> io::Result<Answer> {
    let tensors: Vec<_> = outputs.iter().map(|wanted| tensor(version, prediction, *wanted)).collect::<Result<_, _>>()?;
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
pub(super) fn tensor<'a>(version: &'a Version, prediction: &'a Prediction, wanted: Wanted) -> io::Result<Tensor<'a>> {
    let absent = || io::Error::other("the model did not give what it is to");
    let classes = version.manifest.classes.as_deref().unwrap_or_default();
    match (&prediction.output, wanted.what) {
        (_, What::Decision(_)) => {
            let decision = prediction.more.as_ref().and_then(|more| more.decision.as_ref());
            Ok(numbers(&decision.ok_or_else(absent)?.numbers))
        }
        (Output::Classes { labels, .. }, What::Predictions) => {
            let class = |label: &usize| classes.get(*label).ok_or_else(|| io::Error::other("a label that is not a class"));
            let values = labels.iter().map(class).collect::<Result<Vec<_>, _>>()?;
            let (datatype, shape) = (Datatype::of_values(classes), [values.len(), 1]);
            Ok(Tensor { datatype, shape, elements: Elements::Values(values) })
        }
        (Output::Classes { probabilities, .. }, What::Probabilities) => {
            Ok(numbers(probabilities.as_ref().ok_or_else(absent)?))
        }
        (Output::Numbers(values), What::Predictions) => Ok(numbers(values)),
        (Output::Numbers(_), What::Probabilities) => Err(absent()),
        (Output::Json { predictions, .. }, What::Predictions) => {
            let known = (!classes.is_empty()).then(|| Datatype::of_values(classes));
            parsed(predictions, known)
        }
        (Output::Json { probabilities, .. }, What::Probabilities) => {
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
    let (count, width, mut values) = elements(rows);
    let datatype = datatype.unwrap_or_else(|| Datatype::of_values(&values));
    if datatype == Datatype::Bytes {
        // An element is text: of what has a form of its own, its JSON.
        values
            .iter_mut()
            .filter(|value| value.is_object() || value.is_array())
            .for_each(|value| *value = value.to_string().into());
    }
    Ok(Tensor { datatype, shape: [count, width], elements: Elements::Owned(values) })
}

/// How many rows there are, how many elements each has, and all of these. Lists of different lengths are one element each.
pub(super) fn elements(rows: Vec<Value>) -> (usize, usize, Vec<Value>) {
    let width = |row: &Value| row.as_array().map(Vec::len);
    let first = rows.first().and_then(width);
    let (count, Some(length)) = (rows.len(), first) else { return (rows.len(), 1, rows) };
    if rows.iter().any(|row| width(row) != first) {
        return (count, 1, rows);
    }
    let listed = rows.into_iter().flat_map(|row| if let Value::Array(row) = row { row } else { vec![row] });
    (count, length, listed.collect())
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
