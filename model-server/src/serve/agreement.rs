//! Whether two versions give the same predictions.

use contract::{ModelManifest, Task};
use scoring::{Numbers, Output};
use serde_json::Value;

/// How far a number may be from another that is the same: of the larger of the two.
const TOLERANCE: f64 = 1e-6;

/// For how many rows two versions predict the same, and how many rows there are; none where that can't be said.
pub(super) fn count(one: (&ModelManifest, &Output), other: (&ModelManifest, &Output)) -> Option<(u64, u64)> {
    // Labels may be numbers.
    let tolerance = if one.0.task == Task::Classification { 0.0 } else { TOLERANCE };
    let (one, other) = (predictions(one)?, predictions(other)?);
    if one.len() != other.len() {
        return None;
    }
    let agreeing = one.iter().zip(&other).filter(|(one, other)| same(one, other, tolerance)).count();
    Some((u64::try_from(agreeing).ok()?, u64::try_from(one.len()).ok()?))
}

/// Each row's prediction, as a client reads it.
fn predictions((manifest, output): (&ModelManifest, &Output)) -> Option<Vec<Value>> {
    match output {
        Output::Classes { labels, .. } => {
            let classes = manifest.classes.as_deref().unwrap_or_default();
            labels.iter().map(|label| classes.get(*label).cloned()).collect()
        }
        Output::Numbers(Numbers { values, width: None }) => Some(values.iter().copied().map(Value::from).collect()),
        Output::Numbers(Numbers { values, width: Some(width) }) => {
            Some(values.chunks((*width).max(1)).map(Value::from).collect())
        }
        Output::Json { predictions, .. } => serde_json::from_str(predictions.get()).ok(),
    }
}

fn same(one: &Value, other: &Value, tolerance: f64) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= tolerance * one.abs().max(other.abs()),
            _ => one == other,
        },
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other, tolerance))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(name, one): (&String, &Value)| other.get(name).is_some_and(|other| same(one, other, tolerance));
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_the_same_within_the_tolerance_and_everything_else_exactly() {
        for (one, other) in [
            (json!(1.0), json!(1.000_000_9)),
            (json!(1), json!(1.0)),
            (json!(-1e9), json!(-1e9 - 900.0)),
            (json!(0), json!(0.0)),
            (json!(null), json!(null)),
            (json!([1.0, [2.0]]), json!([1.000_000_5, [2]])),
            (json!({"a": 1.0, "b": "x"}), json!({"b": "x", "a": 1.000_000_5})),
        ] {
            assert!(same(&one, &other, TOLERANCE), "{one} {other}");
        }
        for (one, other) in [
            (json!(1.0), json!(1.000_002)),
            (json!(0.0), json!(1e-9)),
            (json!(1), json!(-1)),
            (json!(1), json!("1")),
            (json!(null), json!(0)),
            (json!([1]), json!([1, 1])),
            (json!({"a": 1}), json!({"b": 1})),
            (json!("yes"), json!("no")),
        ] {
            assert!(!same(&one, &other, TOLERANCE), "{one} {other}");
        }
        assert!(!same(&json!(1_000_000), &json!(1_000_001), 0.0), "labels that are numbers");
    }
}
