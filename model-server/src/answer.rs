//! The answer's JSON, written straight from the output.

use std::io::{self, Write};

use contract::{ModelManifest, Task};

use crate::engine::{Numbers, Output};

/// What every answer of one model begins and ends with.
#[derive(Debug)]
pub(crate) struct Answer {
    head: String,
    /// Each class as JSON.
    classes: Vec<String>,
    tail: String,
}

impl Answer {
    pub(crate) fn new(manifest: &ModelManifest, version: u64) -> Self {
        // A model's name needs no escaping.
        let head = format!("{{\"model_name\":\"{}\",\"model_version\":{version},\"predictions\":", manifest.model_name);
        let classes: Vec<_> = match manifest.task {
            Task::Classification => manifest.classes.iter().flatten().map(ToString::to_string).collect(),
            Task::Regression => Vec::new(),
        };
        let tail = if classes.is_empty() { "}".to_owned() } else { format!(",\"classes\":[{}]}}", classes.join(",")) };
        Self { head, classes, tail }
    }

    /// The answer for an output.
    ///
    /// # Errors
    /// When a label is not one of the classes.
    pub(crate) fn write(&self, output: &Output) -> io::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(512);
        json.extend_from_slice(self.head.as_bytes());
        match output {
            Output::Classes { labels, probabilities } => {
                self.labels(&mut json, labels)?;
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
        json.extend_from_slice(self.tail.as_bytes());
        Ok(json)
    }

    fn labels(&self, json: &mut Vec<u8>, labels: &[usize]) -> io::Result<()> {
        list(json, labels, |json, &label| {
            let class = self.classes.get(label).ok_or_else(|| io::Error::other("a label that is not a class"))?;
            json.extend_from_slice(class.as_bytes());
            Ok(())
        })
    }
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
