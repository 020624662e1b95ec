//! What an answer is to hold.

use std::num::NonZeroUsize;

use contract::Environment;
use scoring::Extras;
use serde::{Deserialize, Deserializer, de};

use super::exchange::Choice;
use crate::serve::Version;

/// What may be said of a prediction in its address: which model answers, and what the answer holds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Query {
    version: Option<u64>,
    env: Option<Environment>,
    /// Separated by commas.
    #[serde(deserialize_with = "outputs")]
    outputs: Option<Outputs>,
    top_k: Option<NonZeroUsize>,
    explain: bool,
}

impl Query {
    /// Which version is asked, and for what.
    pub(super) fn split(self) -> (Choice, Wants) {
        let Self { version, env, outputs, top_k, explain } = self;
        (Choice { version, env }, Wants { outputs, top_k, explain })
    }
}

/// What an answer is to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// None: predictions, and probabilities where the model gives any.
    outputs: Option<Outputs>,
    /// Of each row, so many of the most probable classes.
    pub(super) top_k: Option<NonZeroUsize>,
    /// How much each input column adds.
    pub(super) explain: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Outputs {
    predictions: bool,
    probabilities: bool,
    decision: bool,
}

fn outputs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Outputs>, D::Error> {
    let names = String::deserialize(deserializer)?;
    let mut outputs = Outputs::default();
    for name in names.split(',') {
        match name.trim() {
            "predictions" => outputs.predictions = true,
            "probabilities" => outputs.probabilities = true,
            "decision" => outputs.decision = true,
            _ => return Err(de::Error::custom("outputs are predictions, probabilities and decision, separated by commas")),
        }
    }
    Ok(Some(outputs))
}

impl Wants {
    pub(super) fn predictions(self) -> bool {
        self.outputs.is_none_or(|outputs| outputs.predictions)
    }

    /// Those that there are.
    pub(super) fn probabilities(self) -> bool {
        self.outputs.is_none_or(|outputs| outputs.probabilities)
    }

    /// What the engine is to compute besides.
    pub(super) fn extras(self) -> Extras {
        Extras { decision: self.outputs.is_some_and(|outputs| outputs.decision), explanations: self.explain }
    }

    /// Whether a version can give that, as far as its manifest tells.
    pub(super) fn check(self, version: &Version) -> Result<(), String> {
        if version.gives_probabilities() {
            return Ok(());
        }
        if self.outputs.is_some_and(|outputs| outputs.probabilities) {
            return Err("this model gives no probabilities; leave them out of outputs".to_owned());
        }
        if self.top_k.is_some() {
            return Err("top_k is for classifiers that give probabilities, which this model does not".to_owned());
        }
        Ok(())
    }
}
