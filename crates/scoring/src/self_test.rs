//! Whether a model answers its own example as the estimator did when it was packaged.

use contract::{Flavour, ModelManifest, Task};
use serde_json::{Value, value::RawValue};

use crate::{Numbers, Output};

/// The largest difference: absolute in probabilities, relative in other numbers. What is computed in the estimator's own
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
    match manifest.task {
        Task::Classification => {
            compare("predictions", &expected["predictions"], &predictions, |wanted, given| {
                (wanted - given).abs() < f64::EPSILON
            })?;
            if !expected["probabilities"].is_null() {
                let close = |wanted: f64, given: f64| (wanted - given).abs() <= tolerance;
                compare("probabilities", &expected["probabilities"], &probabilities, close)?;
            }
        }
        // Relative to the value, or to the usual size of values for one that happens to be near zero.
        Task::Regression | Task::Transformation => {
            let scale = mean_size(&expected["predictions"]);
            let close = |wanted: f64, given: f64| (wanted - given).abs() <= tolerance * wanted.abs().max(scale);
            compare("predictions", &expected["predictions"], &predictions, close)?;
        }
    }
    Ok(())
}

/// The predictions and the probabilities, whichever engine gave them.
fn values(answer: &Output, classes: &[Value]) -> Result<(Value, Value), String> {
    let read = |json: &RawValue| serde_json::from_str::<Value>(json.get()).map_err(|error| error.to_string());
    // What is no number in JSON is null.
    let list = |Numbers { values, width }: &Numbers| match width {
        Some(width) => values.chunks((*width).max(1)).map(Value::from).collect(),
        None => Value::from(values.clone()),
    };
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

fn compare(what: &str, wanted: &Value, given: &Value, close: impl Fn(f64, f64) -> bool) -> Result<(), String> {
    let rows = |value: &Value| value.as_array().map_or(0, Vec::len);
    let (Some(wanted), Some(given)) = (wanted.as_array(), given.as_array()) else {
        return Err(format!("{} {what} instead of {}", rows(given), rows(wanted)));
    };
    if wanted.is_empty() || wanted.len() != given.len() {
        return Err(format!("{} {what} instead of {}", given.len(), wanted.len()));
    }
    match wanted.iter().zip(given).filter(|(wanted, given)| !same(wanted, given, &close)).count() {
        0 => Ok(()),
        wrong => Err(format!("{wrong} of {} {what} differ", wanted.len())),
    }
}

/// Whether two values are the same, their numbers as far as `close` says.
fn same(wanted: &Value, given: &Value, close: &impl Fn(f64, f64) -> bool) -> bool {
    match (wanted, given) {
        (Value::Number(wanted), Value::Number(given)) => {
            wanted == given || wanted.as_f64().zip(given.as_f64()).is_some_and(|(wanted, given)| close(wanted, given))
        }
        (Value::Array(wanted), Value::Array(given)) => {
            wanted.len() == given.len() && wanted.iter().zip(given).all(|(wanted, given)| same(wanted, given, close))
        }
        (Value::Object(wanted), Value::Object(given)) => {
            wanted.len() == given.len()
                && wanted.iter().all(|(name, wanted)| given.get(name).is_some_and(|given| same(wanted, given, close)))
        }
        _ => wanted == given,
    }
}

#[expect(clippy::cast_precision_loss, reason = "an example has a few rows")]
fn mean_size(value: &Value) -> f64 {
    let numbers = numbers(value);
    numbers.iter().map(|number| number.abs()).sum::<f64>() / numbers.len().max(1) as f64
}

/// The numbers in lists and objects.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Object(named) => named.values().flat_map(numbers).collect(),
        bare => bare.as_f64().into_iter().collect(),
    }
}
