//! All gates and metrics → whether to deploy, in words.

use std::collections::BTreeMap;

use contract::GateResult;
use serde::{Deserialize, Serialize};

use super::{
    Demanded, Gate,
    evaluate::{Readings, evaluate},
};

/// The metric that is asked for when a notebook sets no gates.
const DEFAULT_METRIC: &str = "accuracy";

const HOW_TO_SET_GATES: &str = "the notebook sets no GATES; to decide by another metric, set it in the mlops:config cell, \
                                e.g. GATES = [\"rmse < champion\"]";

/// Whether a trained model is to be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether every gate passed.
    pub passed: bool,
    /// Why, in words and numbers: the gates that failed, or all of them if none did.
    pub reason: String,
    /// Each gate: the notebook's in its order, then those of the repository's file.
    pub gates: Vec<GateResult>,
}

/// Decides from the notebook's `gates`, those that the repository's file demands beside them, the new model's `metrics` and those of the deployed version (`champion`; `None`
/// when nothing is deployed).
///
/// Without gates (`None`) and a file that demands some, the gate is `accuracy >= min_accuracy`, and a model without that metric is not
/// deployed. An empty list of gates always deploys, but for what the file demands.
pub fn decide(
    gates: Option<&[Gate]>,
    demanded: Option<&Demanded>,
    min_accuracy: f64,
    metrics: &BTreeMap<String, f64>,
    champion: Option<&BTreeMap<String, f64>>,
) -> Decision {
    let readings = Readings { metrics, champion };
    match (gates, demanded) {
        (Some([]), None) => {
            Decision { passed: true, reason: "GATES is empty, so nothing is checked".to_owned(), gates: Vec::new() }
        }
        (Some(_), _) | (None, Some(_)) => {
            let own = gates.unwrap_or_default().iter().map(|gate| check(gate, None, readings));
            let file = demanded.map(|demanded| &demanded.file);
            let theirs = demanded.map_or(&[][..], |demanded| &demanded.gates).iter().map(|gate| check(gate, file, readings));
            by(own.chain(theirs).collect())
        }
        (None, None) => {
            let mut result = check(&Gate::at_least(DEFAULT_METRIC, min_accuracy), None, readings);
            if !metrics.contains_key(DEFAULT_METRIC) {
                result.explanation = format!("{}; {HOW_TO_SET_GATES}", result.explanation);
            }
            by(vec![result])
        }
    }
}

fn check(gate: &Gate, file: Option<&String>, readings: Readings<'_>) -> GateResult {
    let outcome = evaluate(&gate.condition, readings);
    let mut facts: Vec<String> = Vec::new();
    for fact in outcome.facts {
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    let explanation = facts.join(" and ");
    GateResult { gate: gate.to_string(), passed: outcome.verdict.passes(), explanation, file: file.cloned() }
}

fn by(gates: Vec<GateResult>) -> Decision {
    let passed = gates.iter().all(|gate| gate.passed);
    let decisive = gates.iter().filter(|gate| gate.passed == passed);
    let reason = decisive.map(|gate| format!("{}: {}", gate.gate, gate.explanation)).collect::<Vec<_>>().join("; ");
    Decision { passed, reason, gates }
}
