//! The answer's JSON, written straight from the output.

use std::io::{self, Write};

use scoring::{Numbers, Output};

use crate::serve::Version;

/// The answer for a version's output.
///
/// # Errors
/// When a label is not one of the classes.
pub(super) fn write(version: &Version, output: &Output) -> io::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    // A model's name needs no escaping.
    let (name, number) = (version.manifest.model_name.as_str(), version.number);
    write!(json, "{{\"model_name\":\"{name}\",\"model_version\":{number},\"predictions\":")?;
    match output {
        Output::Classes { labels, probabilities } => {
            list(&mut json, labels, |json, &label| {
                let class = version.classes.get(label).ok_or_else(|| io::Error::other("a label that is not a class"))?;
                json.extend_from_slice(class.as_bytes());
                Ok(())
            })?;
            if let Some(probabilities) = probabilities {
                json.extend_from_slice(b",\"probabilities\":");
                numbers(&mut json, probabilities)?;
            }
        }
        Output::Numbers(values) => numbers(&mut json, values)?,
        Output::Json { predictions, probabilities } => {
            json.extend_from_slice(predictions.get().as_bytes());
            if let Some(probabilities) = probabilities {
                write!(json, ",\"probabilities\":{}", probabilities.get())?;
            }
        }
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
    json.push(b'}');
    Ok(json)
}

fn numbers(json: &mut Vec<u8>, Numbers { values, width }: &Numbers) -> io::Result<()> {
    match *width {
        Some(width) => list(json, values.chunks(width.max(1)), |json, row| list(json, row.iter().copied(), number)),
        None => list(json, values.iter().copied(), number),
    }
}

/// JSON has no NaN and no infinities: they are `null`.
fn number(json: &mut Vec<u8>, value: f64) -> io::Result<()> {
    Ok(serde_json::to_writer(json, &value)?)
}

fn list<T>(
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
