//! An output as tensors: in JSON, or behind it.

use std::{io, num::NonZeroUsize, time::Duration};

use scoring::{Explanations, Extras, Numbers, Output, Prediction};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    super::{best::best, exchange::Answer},
    datatype::Datatype,
};
use crate::serve::Version;

/// The predictions' name, and the probabilities': as `MLServer` calls them.
pub(super) const PREDICT: &str = "predict";
pub(super) const PROBABILITIES: &str = "predict_proba";
/// How much each column adds to what is said of a row, and what that is added to.
const EXPLANATIONS: &str = "explanations";
const BASE_VALUES: &str = "base_values";
/// How many outputs there may be.
pub(super) const OUTPUTS: usize = 5;

/// What an output is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Predictions,
    Probabilities,
    /// Of each row, so many of the most probable classes.
    Best(NonZeroUsize),
    Explanations,
    BaseValues,
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
            What::Probabilities | What::Best(_) => PROBABILITIES,
            What::Explanations => EXPLANATIONS,
            What::BaseValues => BASE_VALUES,
            What::Decision(method) => method,
        }
    }
}

/// The output of a name, if a version has it; of its classes perhaps the most probable alone.
pub(super) fn wanted(
    (name, classes): (&str, Option<NonZeroUsize>),
    is_binary: bool,
    version: &Version,
) -> Result<Wanted, String> {
    let has_probabilities = !version.manifest.expected_output["probabilities"].is_null();
    let what = match (name, classes, version.decides()) {
        (PROBABILITIES, ..) if !has_probabilities => return Err(format!("the model gives no {PROBABILITIES:?}")),
        (PROBABILITIES, Some(count), _) if version.gives_probabilities() => What::Best(count),
        (_, Some(_), _) => return Err(format!("\"classification\" is for the output {PROBABILITIES:?}")),
        (PREDICT, ..) => What::Predictions,
        (PROBABILITIES, ..) => What::Probabilities,
        (EXPLANATIONS, ..) => What::Explanations,
        (BASE_VALUES, ..) => What::BaseValues,
        (name, _, Some(method)) if name == method => What::Decision(method),
        (_, _, method) => {
            let decision = method.map(|method| format!(" {method:?},")).unwrap_or_default();
            return Err(format!(
                "the outputs are {PREDICT:?},{decision} {EXPLANATIONS:?}, {BASE_VALUES:?} and, of classifiers, {PROBABILITIES:?}"
            ));
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
        let any = |is: fn(What) -> bool| self.outputs.iter().any(|wanted| is(wanted.what));
        Extras {
            decision: any(|what| matches!(what, What::Decision(_))),
            explanations: any(|what| matches!(what, What::Explanations | What::BaseValues)),
        }
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
    shape: &'a [usize],
    datatype: Datatype,
    parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Elements<'a>>,
}

/// What an output holds.
pub(super) struct Tensor<'a> {
    pub(super) datatype: Datatype,
    pub(super) shape: Vec<usize>,
    pub(super) elements: Elements<'a>,
    /// Of explanations, what is explained.
    pub(super) of: Option<&'static str>,
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
    for (wanted, Tensor { datatype, shape, elements, of }) in outputs.iter().zip(&tensors) {
        let (mut parameters, data) = if wanted.is_binary {
            let before = binary.len();
            elements.append(*datatype, &mut binary)?;
            (json!({ "binary_data_size": binary.len() - before }), None)
        } else {
            (json!({ "content_type": "np" }), Some(elements))
        };
        if let Some(of) = of {
            parameters["of"] = (*of).into();
        }
        described.push(Described { name: wanted.name(), shape, datatype: *datatype, parameters, data });
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
    let more = prediction.more.as_ref();
    match (&prediction.output, wanted.what) {
        (_, What::Decision(_)) => Ok(numbers(&more.and_then(|more| more.decision.as_ref()).ok_or_else(absent)?.numbers)),
        (_, What::Explanations | What::BaseValues) => {
            let said = more.and_then(|more| more.explanations.as_ref()).ok_or_else(absent)?;
            Ok(explained(said, wanted.what == What::BaseValues))
        }
        (output, What::Best(count)) => {
            let rows = best(version, output, count.get())?;
            let shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
            let text = |(place, probability): (usize, f64)| match &classes[place] {
                Value::String(class) => format!("{probability:?}:{place}:{class}").into(),
                class => format!("{probability:?}:{place}:{class}").into(),
            };
            let elements = Elements::Owned(rows.into_iter().flatten().map(text).collect());
            Ok(Tensor { datatype: Datatype::Bytes, shape, elements, of: None })
        }
        (Output::Classes { labels, .. }, What::Predictions) => {
            let class = |label: &usize| classes.get(*label).ok_or_else(|| io::Error::other("a label that is not a class"));
            let values = labels.iter().map(class).collect::<Result<Vec<_>, _>>()?;
            let (datatype, shape) = (Datatype::of_values(classes), vec![values.len(), 1]);
            Ok(Tensor { datatype, shape, elements: Elements::Values(values), of: None })
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

/// `[rows, columns]`, with a third axis where there are several outputs; what is added to is `[1, outputs]`.
fn explained(Explanations { of, base, columns, values }: &Explanations, is_base: bool) -> Tensor<'_> {
    let outputs = base.len().max(1);
    let (values, mut shape) =
        if is_base { (base, vec![1]) } else { (values, vec![values.len() / (columns * outputs).max(1), *columns]) };
    if is_base || outputs > 1 {
        shape.push(outputs);
    }
    Tensor { datatype: Datatype::Fp64, shape, elements: Elements::Floats(values), of: Some(of) }
}

fn numbers(Numbers { values, width }: &Numbers) -> Tensor<'_> {
    let width = width.unwrap_or(1).max(1);
    Tensor {
        datatype: Datatype::Fp64,
        shape: vec![values.len() / width, width],
        elements: Elements::Floats(values),
        of: None,
    }
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
    Ok(Tensor { datatype, shape: vec![count, width], elements: Elements::Owned(values), of: None })
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
