//! Which metrics a notebook reported.

use std::collections::BTreeMap;

use serde_json::Value;

/// Joins the three places a notebook may report metrics in. Where two name the same metric, the earlier place counts:
/// its MLflow run, then scrapbook's glue, then the variables of its evaluation cell.
pub fn collect(
    logged: impl IntoIterator<Item = (String, f64)>,
    scraps: &BTreeMap<String, Value>,
    variables: &BTreeMap<String, Value>,
) -> BTreeMap<String, f64> {
    let mut metrics: BTreeMap<String, f64> = logged.into_iter().collect();
    let glued = scraps.iter().filter_map(|(name, value)| Some((name.clone(), number(value)?)));
    let assigned = variables.iter().flat_map(|(name, value)| match value {
        // `METRICS = {…}` names several.
        Value::Object(entries) if name == "METRICS" => {
            entries.iter().filter_map(|(name, value)| Some((name.clone(), number(value)?))).collect::<Vec<_>>()
        }
        value => number(value).map(|number| (name.clone(), number)).into_iter().collect(),
    });
    for (name, value) in glued.chain(assigned) {
        metrics.entry(name).or_insert(value);
    }
    metrics
}

/// The value of a JSON number, or of one of the words for the numbers that JSON lacks. Booleans are no metrics.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(word) => match word.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A metric in JSON, which has words instead of NaN and the infinities.
pub fn to_json(value: f64) -> Value {
    match value {
        v if v.is_nan() => Value::from("NaN"),
        v if v.is_infinite() => Value::from(if v > 0.0 { "Infinity" } else { "-Infinity" }),
        v => Value::from(v),
    }
}

/// A metric as people read it.
pub fn display(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-3..1e6).contains(&magnitude) {
        let text = format!("{value:.4}");
        match text.split_once('.') {
            Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            None => text,
        }
    } else {
        format!("{value:.4e}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_run_counts_before_glue_and_glue_before_variables() {
        let object = |value: Value| serde_json::from_value(value).expect("an object");
        let metrics = collect(
            [("a".to_owned(), 1.0)],
            &object(json!({"a": 2, "b": 2, "text": "x"})),
            &object(json!({"b": 3, "METRICS": {"c": 3, "a": 3}, "flag": true, "n": "NaN"})),
        );
        assert_eq!(
            metrics.iter().filter(|(_, v)| !v.is_nan()).map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>(),
            [("a", 1.0), ("b", 2.0), ("c", 3.0)]
        );
        assert!(metrics["n"].is_nan());
    }

    #[test]
    fn metrics_are_shown_as_people_read_them() {
        let shown = [0.8, 1.0, 0.0, 12_345.678_91, 0.000_012_3, f64::NAN].map(display);
        assert_eq!(shown, ["0.8", "1", "0", "12345.6789", "1.2300e-5", "NaN"]);
    }
}
