//! A condition and metrics → outcome.
//!
//! Beside passing and failing there is "unknown": a missing, infinite or not-a-number value makes no comparison true,
//! and no `not` makes it true either. And there is "no champion yet", which lets a model pass on either side of a `not`.

use std::collections::BTreeMap;

use super::{
    condition::{Comparison, Condition, Sign, Value},
    explain,
};

/// Metrics by name.
pub(super) type Metrics = BTreeMap<String, f64>;

/// What a gate reads.
#[derive(Clone, Copy)]
pub(super) struct Readings<'a> {
    /// The new model's metrics.
    pub(super) metrics: &'a Metrics,
    /// The deployed version's metrics, if a version is deployed.
    pub(super) champion: Option<&'a Metrics>,
}

/// How a condition turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// It could not be computed; a gate does not pass by it.
    Unknown,
    /// It asks for a comparison with a deployed version and there is none; a gate passes by it.
    NoChampion,
}

/// A verdict and the facts it rests on.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) facts: Vec<String>,
}

/// Why a value has no number.
pub(super) enum Undefined {
    NoChampion,
    Because(String),
}

/// Evaluates a whole condition; never fails.
pub(super) fn evaluate(condition: &Condition, readings: Readings<'_>) -> Outcome {
    match condition {
        Condition::Compare(comparison) => compare(comparison, readings),
        Condition::Not(inner) => {
            let Outcome { verdict, facts } = evaluate(inner, readings);
            let verdict = match verdict {
                Verdict::Pass => Verdict::Fail,
                Verdict::Fail => Verdict::Pass,
                other => other,
            };
            Outcome { verdict, facts }
        }
        Condition::All(conditions) => {
            join(conditions, readings, [Verdict::Fail, Verdict::Unknown, Verdict::Pass, Verdict::NoChampion])
        }
        Condition::Any(conditions) => {
            join(conditions, readings, [Verdict::Pass, Verdict::NoChampion, Verdict::Unknown, Verdict::Fail])
        }
    }
}

/// The verdict that comes first in `strongest` wins. The facts are those of its side: why it passes, or why it does not.
fn join(conditions: &[Condition], readings: Readings<'_>, strongest: [Verdict; 4]) -> Outcome {
    let outcomes = conditions.iter().map(|condition| evaluate(condition, readings)).collect::<Vec<_>>();
    let among = |verdict: &Verdict| outcomes.iter().any(|outcome| outcome.verdict == *verdict);
    let verdict = strongest.into_iter().find(among).unwrap_or(Verdict::Unknown);
    let same_side = |outcome: &Outcome| outcome.verdict.passes() == verdict.passes();
    Outcome { verdict, facts: outcomes.into_iter().filter(same_side).flat_map(|outcome| outcome.facts).collect() }
}

impl Verdict {
    /// Whether a gate passes by it.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::Pass | Self::NoChampion)
    }
}

fn compare(comparison: &Comparison, readings: Readings<'_>) -> Outcome {
    let Comparison { left, operator, right } = comparison;
    let (verdict, fact) = match both(readings.value(&left.value), readings.value(&right.value)) {
        Ok((left, right)) => {
            let holds = operator.holds(left, right);
            let verdict = if holds { Verdict::Pass } else { Verdict::Fail };
            (verdict, explain::comparison(comparison, left, right, holds))
        }
        Err(Undefined::NoChampion) => (Verdict::NoChampion, "no version deployed yet".to_owned()),
        Err(Undefined::Because(reason)) => (Verdict::Unknown, reason),
    };
    Outcome { verdict, facts: vec![fact] }
}

/// Both numbers. What is wrong with the model itself counts before the lack of a champion.
fn both(left: Result<f64, Undefined>, right: Result<f64, Undefined>) -> Result<(f64, f64), Undefined> {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(Undefined::Because(reason)), _) | (_, Err(Undefined::Because(reason))) => Err(Undefined::Because(reason)),
        (Err(Undefined::NoChampion), _) | (_, Err(Undefined::NoChampion)) => Err(Undefined::NoChampion),
    }
}

impl Readings<'_> {
    fn value(self, value: &Value) -> Result<f64, Undefined> {
        match value {
            Value::Number(number) => finite(*number, || "the gate's own number".to_owned()),
            Value::Metric(name) => match self.metrics.get(name) {
                Some(metric) => finite(*metric, || name.clone()),
                None => Err(Undefined::Because(explain::missing(name, self.metrics))),
            },
            Value::Champion(name) => {
                let Some(champion) = self.champion else { return Err(Undefined::NoChampion) };
                match champion.get(name) {
                    Some(metric) => finite(*metric, || format!("the deployed version's {name}")),
                    None => Err(Undefined::Because(explain::missing_in_champion(name, champion))),
                }
            }
            Value::Negative(value) => self.value(value).map(|number| -number),
            Value::Arithmetic(left, sign, right) => {
                let (left, right) = both(self.value(left), self.value(right))?;
                arithmetic(left, *sign, right)
            }
        }
    }
}

fn arithmetic(left: f64, sign: Sign, right: f64) -> Result<f64, Undefined> {
    let result = match sign {
        Sign::Plus => left + right,
        Sign::Minus => left - right,
        Sign::Times => left * right,
        Sign::Over if right == 0.0 => {
            return Err(Undefined::Because(format!("it divides {} by zero", explain::number(left))));
        }
        Sign::Over => left / right,
    };
    finite(result, || "a result on the way".to_owned())
}

/// The number, unless it is none that can be compared in earnest.
fn finite(number: f64, name: impl Fn() -> String) -> Result<f64, Undefined> {
    if number.is_finite() {
        return Ok(number);
    }
    let what = if number.is_nan() { "NaN (not a number)" } else { "infinite" };
    Err(Undefined::Because(format!("{} is {what}, which never passes", name())))
}
