//! The answer's JSON, written straight from the output.

use std::io::{self, Write};

use scoring::{Decision, Numbers, Output, Prediction};

use super::{super::wants::Wants, more};
use crate::serve::Version;

/// The answer for what a version said.
///
/// # Errors
/// When a label is not one of the classes, or something was not said.
pub(super) fn write(version: &Version, prediction: &Prediction, wants: Wants) -> io::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    // A model's name needs no escaping.
    let (name, number) = (version.manifest.model_name.as_str(), version.number);
    write!(json, "{{\"model_name\":\"{name}\",\"model_version\":{number}")?;
    if wants.predictions() {
        json.extend_from_slice(b",\"predictions\":");
        predictions(&mut json, version, &prediction.output)?;
    }
    if wants.probabilities() {
        probabilities(&mut json, &prediction.output)?;
    }
    if !version.classes.is_empty() {
        json.extend_from_slice(b",\"classes\":");
        list(&mut json, &version.classes, |json, class| {
            json.extend_from_slice(class.as_bytes());
            Ok(())
        })?;
    }
    if let Some(columns) = &version.manifest.columns {
        json.extend_from_slice(b",\"columns\":");
        serde_json::to_writer(&mut json, columns)?;
    }
    if let Some(count) = wants.top_k {
        json.extend_from_slice(b",\"top_k\":");
        more::top_k(&mut json, version, &prediction.output, count.get())?;
    }
    if let Some(said) = &prediction.more {
        if let Some(Decision { method, numbers: values }) = &said.decision {
            write!(json, ",\"decision_of\":\"{method}\",\"decision\":")?;
            numbers(&mut json, values)?;
        }
        if let Some(explanations) = &said.explanations {
            json.extend_from_slice(b",\"explanations\":");
            more::explanations(&mut json, version, explanations)?;
        }
    }
    json.push(b'}');
    Ok(json)
}

fn predictions(json: &mut Vec<u8>, version: &Version, output: &Output) -> io::Result<()> {
    match output {
        Output::Classes { labels, .. } => list(json, labels, |json, &label| {
            let class = version.classes.get(label).ok_or_else(|| io::Error::other("a label that is not a class"))?;
            json.extend_from_slice(class.as_bytes());
            Ok(())
        }),
        Output::Numbers(values) => numbers(json, values),
        Output::Json { predictions, .. } => {
            json.extend_from_slice(predictions.get().as_bytes());
            Ok(())
        }
    }
}

fn probabilities(json: &mut Vec<u8>, output: &Output) -> io::Result<()> {
    match output {
        Output::Classes { probabilities: Some(probabilities), .. } => {
            json.extend_from_slice(b",\"probabilities\":");
            numbers(json, probabilities)
        }
        Output::Json { probabilities: Some(probabilities), .. } => {
            write!(json, ",\"probabilities\":{}", probabilities.get())
        }
        _ => Ok(()),
    }
}

fn numbers(json: &mut Vec<u8>, Numbers { values, width }: &Numbers) -> io::Result<()> {
    match *width {
        Some(width) => list(json, values.chunks(width.max(1)), |json, row| list(json, row.iter().copied(), number)),
        None => list(json, values.iter().copied(), number),
    }
}

/// JSON has no NaN and no infinities: they are `null`.
pub(super) fn number(json: &mut Vec<u8>, value: f64) -> io::Result<()> {
    Ok(serde_json::to_writer(json, &value)?)
}

pub(super) fn list<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> io::Result<()>,
) -> io::Result<()> {
    json.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        write(json, item)?;
    }
    json.push(b']');
    Ok(())
}
