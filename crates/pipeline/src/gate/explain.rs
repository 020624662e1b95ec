//! A comparison in words, with its numbers.

use super::{
    condition::{Comparison, Operator, Term, Value},
    evaluate::Metrics,
};

/// e.g. `accuracy is 0.7312, below 0.8`. The new model's side is the subject, wherever it was written.
pub(super) fn comparison(comparison: &Comparison, left: f64, right: f64, holds: bool) -> String {
    let Comparison { left: left_term, operator, right: right_term } = comparison;
    let is_mirrored = left_term.value.metrics().is_empty();
    let (subject, operator, object, values) = if is_mirrored {
        (right_term, operator.mirrored(), left_term, (right, left))
    } else {
        (left_term, *operator, right_term, (left, right))
    };
    let (value, bound) = distinct(values.0, values.1);
    format!("{} is {value}, {} {}", subject.text, relation(operator, holds), bounded(object, &bound))
}

/// That a metric is missing, and which there are.
pub(super) fn missing(name: &str, metrics: &Metrics) -> String {
    match names(metrics) {
        None => format!("there is no metric `{name}`: the notebook reported no metrics"),
        Some(names) => format!("there is no metric `{name}`, only {names}"),
    }
}

/// That the deployed version lacks a metric, and which it has.
pub(super) fn missing_in_champion(name: &str, metrics: &Metrics) -> String {
    match names(metrics) {
        None => format!("the deployed version has no metric `{name}`, nor any other"),
        Some(names) => format!("the deployed version has no metric `{name}`, only {names}"),
    }
}

/// The metrics' names; `None` when there are none.
pub(super) fn names(metrics: &Metrics) -> Option<String> {
    const SHOWN: usize = 20;
    let names = metrics.keys().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match metrics.len() {
        0 => None,
        count if count > SHOWN => Some(format!("{names} and {} more", count - SHOWN)),
        _ => Some(names),
    }
}

/// A number in at most four decimals, or in scientific form where that would hide it.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let fixed = format!("{value:.4}");
    fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Both numbers, with all their digits if they would look alike without being equal.
#[expect(clippy::float_cmp, reason = "asks whether they are the same number")]
fn distinct(left: f64, right: f64) -> (String, String) {
    let shown = (number(left), number(right));
    if shown.0 == shown.1 && left != right { (left.to_string(), right.to_string()) } else { shown }
}

/// How the subject stands to the object.
fn relation(operator: Operator, holds: bool) -> &'static str {
    match (operator, holds) {
        (Operator::Less, true) | (Operator::GreaterOrEqual, false) => "below",
        (Operator::Greater, true) | (Operator::LessOrEqual, false) => "above",
        (Operator::LessOrEqual, true) => "at most",
        (Operator::GreaterOrEqual, true) => "at least",
        (Operator::Less, false) => "not below",
        (Operator::Greater, false) => "not above",
        (Operator::Equal, true) | (Operator::NotEqual, false) => "equal to",
        (Operator::Equal, false) | (Operator::NotEqual, true) => "not equal to",
    }
}

fn bounded(term: &Term, value: &str) -> String {
    match &term.value {
        Value::Number(_) => value.to_owned(),
        Value::Champion(_) => format!("the deployed version's {value}"),
        _ => format!("{} ({value})", term.text),
    }
}
