//! Whether a model answers its own example as the estimator did when it was packaged.

use contract::{InputExample, ModelManifest, Task};
use serde_json::Value;

/// The largest difference: absolute in probabilities, relative in regressions.
const TOLERANCE: f64 = 1e-5;

/// The example as a request's body.
pub(crate) fn example(manifest: &ModelManifest) -> Vec<u8> {
    let body = match &manifest.input_example {
        InputExample::Rows(rows) => serde_json::json!({ "dataframe_split": rows }),
        InputExample::Inputs(inputs) => serde_json::json!(inputs),
    };
    body.to_string().into_bytes()
}

/// Compares an answer with what the manifest expects, or says where they differ. No values are told: the example's
/// rows are somebody's data.
pub(crate) fn check(manifest: &ModelManifest, answer: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let expected = &manifest.expected_output;
    let (wanted, given) = (flat(&expected["predictions"]), flat(&answer["predictions"]));
    match manifest.task {
        Task::Classification => compare("predictions", &wanted, &given, same_label)?,
        Task::Regression => {
            let scale = mean_size(&wanted);
            compare("predictions", &wanted, &given, |wanted, given| close(wanted, given, scale))?;
        }
    }
    if manifest.task == Task::Classification && !expected["probabilities"].is_null() {
        let (wanted, given) = (flat(&expected["probabilities"]), flat(&answer["probabilities"]));
        compare("probabilities", &wanted, &given, |wanted, given| match (wanted.as_f64(), given.as_f64()) {
            (Some(wanted), Some(given)) => (wanted - given).abs() <= TOLERANCE,
            _ => wanted == given,
        })?;
    }
    Ok(())
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
fn close(wanted: &Value, given: &Value, scale: f64) -> bool {
    match (wanted.as_f64(), given.as_f64()) {
        (Some(wanted), Some(given)) => (wanted - given).abs() <= TOLERANCE * wanted.abs().max(scale),
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
