//! Whether a model answers its own example as the estimator did when it was packaged.

use contract::{Flavour, ModelManifest, Task};
use serde_json::{Value, value::RawValue};

use crate::{Numbers, Output};

/// The largest difference: absolute in probabilities, relative in regressions. What is computed in the estimator's own
/// arithmetic was verified to be that near when it was packaged; converted models round to 32 bits.
fn tolerance(flavour: Flavour) -> f64 {
    match flavour {
        Flavour::Native => native::TOLERANCE,
        Flavour::Onnx | Flavour::Python => 1e-5,
    }
}

/// Compares an answer with what the manifest expects, or says where they differ. No values are told: the example's
/// rows are somebody's data.
pub(crate) fn check(manifest: &ModelManifest, answer: &Output) -> Result<(), String> {
    let (predictions, probabilities) = values(answer, manifest.classes.as_deref().unwrap_or_default())?;
    let (expected, tolerance) = (&manifest.expected_output, tolerance(manifest.flavour));
    let (wanted, given) = (flat(&expected["predictions"]), flat(&predictions));
    match manifest.task {
        Task::Classification => compare("predictions", &wanted, &given, same_label)?,
        Task::Regression => {
            let scale = mean_size(&wanted);
            compare("predictions", &wanted, &given, |wanted, given| close(wanted, given, (tolerance, scale)))?;
        }
    }
    if manifest.task == Task::Classification && !expected["probabilities"].is_null() {
        let (wanted, given) = (flat(&expected["probabilities"]), flat(&probabilities));
        compare("probabilities", &wanted, &given, |wanted, given| match (wanted.as_f64(), given.as_f64()) {
            (Some(wanted), Some(given)) => (wanted - given).abs() <= tolerance,
            _ => wanted == given,
        })?;
    }
    Ok(())
}

/// The predictions and the probabilities, whichever engine gave them.
fn values(answer: &Output, classes: &[Value]) -> Result<(Value, Value), String> {
    let read = |json: &RawValue| serde_json::from_str::<Value>(json.get()).map_err(|error| error.to_string());
    // What is no number in JSON is null.
    let list = |numbers: &Numbers| Value::from(numbers.values.clone());
    Ok(match answer {
        Output::Classes { labels, probabilities } => {
            let class = |label: &usize| classes.get(*label).cloned().ok_or("a label is not a class");
            let labels = labels.iter().map(class).collect::<Result<Vec<_>, _>>()?;
            (Value::from(labels), probabilities.as_ref().map(list).unwrap_or_default())
        }
        Output::Numbers(numbers) => (list(numbers), Value::Null),
        Output::Json { predictions, probabilities } => {
            (read(predictions)?, probabilities.as_deref().map(read).transpose()?.unwrap_or_default())
        }
    })
}

fn compare(what: &str, wanted: &[&Value], given: &[&Value], same: impl Fn(&Value, &Value) -> bool) -> Result<(), String> {
    if wanted.is_empty() || wanted.len() != given.len() {
        return Err(format!("{} {what} instead of {}", given.len(), wanted.len()));
    }
    match wanted.iter().zip(given).filter(|(wanted, given)| !same(wanted, given)).count() {
        0 => Ok(()),
        wrong => Err(format!("{wrong} of {} {what} differ", wanted.len())),
    }
}

fn same_label(wanted: &Value, given: &Value) -> bool {
    match (wanted.as_f64(), given.as_f64()) {
        (Some(wanted), Some(given)) => (wanted - given).abs() < f64::EPSILON,
        _ => wanted == given,
    }
}

/// Relative to the value, or to the usual size of values for one that happens to be near zero.
fn close(wanted: &Value, given: &Value, (tolerance, scale): (f64, f64)) -> bool {
    match (wanted.as_f64(), given.as_f64()) {
        (Some(wanted), Some(given)) => (wanted - given).abs() <= tolerance * wanted.abs().max(scale),
        _ => wanted == given,
    }
}

#[expect(clippy::cast_precision_loss, reason = "an example has a few rows")]
fn mean_size(values: &[&Value]) -> f64 {
    values.iter().filter_map(|value| value.as_f64()).map(f64::abs).sum::<f64>() / values.len().max(1) as f64
}

/// The values in lists of lists, in order.
fn flat(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        Value::Null => Vec::new(),
        bare => vec![bare],
    }
}
