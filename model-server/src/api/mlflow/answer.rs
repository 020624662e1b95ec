//! The answer's JSON, as MLflow writes it.

use std::io;

use scoring::{Numbers, Output};
use serde_json::Value;

use super::python::{list, number, value};
use crate::serve::Version;

/// `{"predictions": [...]}`.
///
/// # Errors
/// When a label is not one of the classes.
pub(super) fn write(version: &Version, output: &Output) -> io::Result<Vec<u8>> {
    let mut json = b"{\"predictions\": ".to_vec();
    match output {
        Output::Classes { labels, .. } => {
            let classes = classes(version)?;
            list(&mut json, labels, |json, &label| {
                let class = classes.get(label).ok_or_else(|| io::Error::other("a label that is not a class"))?;
                json.extend_from_slice(class);
                Ok(())
            })?;
        }
        Output::Numbers(Numbers { values, width: Some(width) }) => {
            let rows = values.chunks((*width).max(1));
            list(&mut json, rows, |json, row| list(json, row.iter().copied(), number))?;
        }
        Output::Numbers(Numbers { values, width: None }) => {
            list(&mut json, values.iter().copied(), number)?;
        }
        Output::Json { predictions, .. } => value(&mut json, &serde_json::from_str::<Value>(predictions.get())?)?,
    }
    json.push(b'}');
    Ok(json)
}

/// Each class as JSON.
fn classes(version: &Version) -> io::Result<Vec<Vec<u8>>> {
    let written = |class: &Value| {
        let mut json = Vec::new();
        value(&mut json, class).map(|()| json)
    };
    version.manifest.classes.iter().flatten().map(written).collect()
}
