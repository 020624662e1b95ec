//! The answer as a stream of Arrow's: a column for each of the JSON answer's lists, by the same name. What is not of rows is
//! told in the schema's metadata, as JSON. What is no number is NaN here, where JSON has null.

use std::{collections::BTreeMap, io, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float64Array, Int64Array, RecordBatch, StringArray, StructArray,
    UInt64Array,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_select::take::take;
use scoring::{Decision, Explanations, Numbers, Output, Prediction};
use serde_json::Value;

use super::{
    super::{best::best, wants::Wants},
    more,
};
use crate::serve::Version;

/// The answer for what a version said.
///
/// # Errors
/// When a label is not one of the classes, or something was not said.
pub(super) fn write(version: &Version, prediction: &Prediction, wants: Wants) -> io::Result<Vec<u8>> {
    let (mut columns, mut told) = (Vec::new(), BTreeMap::new());
    told.insert("model_name".to_owned(), version.manifest.model_name.to_string());
    told.insert("model_version".to_owned(), version.number.to_string());
    if let Some(classes) = version.manifest.classes.as_ref().filter(|_| !version.classes.is_empty()) {
        told.insert("classes".to_owned(), serde_json::to_string(classes)?);
    }
    if let Some(names) = &version.manifest.columns {
        told.insert("columns".to_owned(), serde_json::to_string(names)?);
    }
    if wants.predictions() {
        columns.push(("predictions", predictions(version, &prediction.output)?));
    }
    if let Some(probabilities) = probabilities(&prediction.output)?.filter(|_| wants.probabilities()) {
        columns.push(("probabilities", probabilities));
    }
    if let Some(count) = wants.top_k {
        columns.push(("top_k", top_k(version, &prediction.output, count.get())?));
    }
    if let Some(said) = &prediction.more {
        if let Some(Decision { method, numbers: values }) = &said.decision {
            told.insert("decision_of".to_owned(), (*method).to_owned());
            columns.push(("decision", numbers(values)?));
        }
        if let Some(explanations) = &said.explanations {
            let mut json = Vec::new();
            more::explained(&mut json, version, explanations)?;
            json.push(b'}');
            told.insert("explanations".to_owned(), String::from_utf8_lossy(&json).into_owned());
            columns.push(("explanations", self::explanations(explanations)?));
        }
    }
    stream(columns, told).map_err(io::Error::other)
}

fn stream(columns: Vec<(&str, ArrayRef)>, told: BTreeMap<String, String>) -> Result<Vec<u8>, ArrowError> {
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), false);
    let schema = Arc::new(Schema::new_with_metadata(columns.iter().map(field).collect::<Vec<_>>(), told));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, column)| column).collect())?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    writer.into_inner()
}

fn predictions(version: &Version, output: &Output) -> io::Result<ArrayRef> {
    match output {
        Output::Classes { labels, .. } => classes(version, labels),
        Output::Numbers(values) => numbers(values),
        Output::Json { predictions, .. } => parsed(predictions.get()),
    }
}

fn probabilities(output: &Output) -> io::Result<Option<ArrayRef>> {
    match output {
        Output::Classes { probabilities: Some(probabilities), .. } => numbers(probabilities).map(Some),
        Output::Json { probabilities: Some(probabilities), .. } => parsed(probabilities.get()).map(Some),
        _ => Ok(None),
    }
}

/// Classes by their places.
fn classes(version: &Version, labels: &[usize]) -> io::Result<ArrayRef> {
    let column = || values(&version.manifest.classes.iter().flatten().collect::<Vec<_>>());
    let classes = version.class_column.get_or_init(column);
    if labels.iter().any(|label| *label >= classes.len()) {
        return Err(io::Error::other("a label that is not a class"));
    }
    let places = UInt64Array::from_iter_values(labels.iter().map(|label| *label as u64));
    take(classes, &places, None).map_err(io::Error::other)
}

fn numbers(Numbers { values, width }: &Numbers) -> io::Result<ArrayRef> {
    let values: ArrayRef = Arc::new(Float64Array::from(values.clone()));
    match width {
        Some(width) => lists(*width, values),
        None => Ok(values),
    }
}

/// Lists of one length each.
fn lists(length: usize, values: ArrayRef) -> io::Result<ArrayRef> {
    let item = Arc::new(Field::new("item", values.data_type().clone(), false));
    let length = i32::try_from(length).map_err(io::Error::other)?;
    Ok(Arc::new(FixedSizeListArray::try_new(item, length, values, None).map_err(io::Error::other)?))
}

/// What another process wrote: a list of values, or of lists. Lists of different lengths are JSON.
fn parsed(json: &str) -> io::Result<ArrayRef> {
    let rows: Vec<Value> = serde_json::from_str(json)?;
    let lists: Option<Vec<_>> = rows.iter().map(Value::as_array).collect();
    match lists.as_deref() {
        Some([first, others @ ..]) if !first.is_empty() && others.iter().all(|list| list.len() == first.len()) => {
            let all: Vec<_> = rows.iter().filter_map(Value::as_array).flatten().collect();
            self::lists(first.len(), values(&all))
        }
        _ => Ok(values(&rows.iter().collect::<Vec<_>>())),
    }
}

/// Values in the narrowest type that has them all; at last as texts, of what is none its JSON.
fn values(values: &[&Value]) -> ArrayRef {
    let all = |is: fn(&Value) -> bool| values.iter().all(|value| is(value));
    if all(Value::is_boolean) {
        Arc::new(values.iter().filter_map(|value| value.as_bool()).map(Some).collect::<BooleanArray>())
    } else if all(Value::is_i64) {
        Arc::new(Int64Array::from_iter_values(values.iter().filter_map(|value| value.as_i64())))
    } else if all(Value::is_u64) {
        Arc::new(UInt64Array::from_iter_values(values.iter().filter_map(|value| value.as_u64())))
    } else if all(|value| value.is_number() || value.is_null()) {
        Arc::new(Float64Array::from_iter_values(values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN))))
    } else {
        let text = |value: &&Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Arc::new(StringArray::from_iter_values(values.iter().map(text)))
    }
}

/// Of each row, a list of `{class, probability}`.
fn top_k(version: &Version, output: &Output, count: usize) -> io::Result<ArrayRef> {
    let rows = best(version, output, count)?;
    let length = rows.first().map_or(0, Vec::len);
    let (labels, probabilities): (Vec<_>, Vec<_>) = rows.into_iter().flatten().unzip();
    let (classes, probabilities) = (classes(version, &labels)?, Float64Array::from(probabilities));
    let fields =
        vec![Field::new("class", classes.data_type().clone(), false), Field::new("probability", DataType::Float64, false)];
    let pairs = StructArray::try_new(fields.into(), vec![classes, Arc::new(probabilities)], None);
    lists(length, Arc::new(pairs.map_err(io::Error::other)?))
}

/// Of each row and column a number, or a list where there are several outputs.
fn explanations(Explanations { base, columns, values, .. }: &Explanations) -> io::Result<ArrayRef> {
    let values: ArrayRef = Arc::new(Float64Array::from(values.clone()));
    let of_each = if base.len() > 1 { lists(base.len(), values)? } else { values };
    lists(*columns, of_each)
}
