//! Gates: conditions on a model's metrics that decide whether it is deployed.
//!
//! The way of a gate: `lexer` (text → tokens) → `parser` (tokens → `condition`) → `evaluate` (condition and metrics →
//! outcome, in the words of `explain`) → `decide` (all gates → decision).
//!
//! The language: comparisons (`<` `<=` `>` `>=` `==` `!=`) of arithmetic (`+ - * /`, parentheses) over numbers and
//! metrics, joined by `and`, `or`, `not`. `accuracy` and `val.f1` are metrics; names with other characters are quoted:
//! `"val/acc"`. `champion` is the deployed version's value of the metric named in the same comparison,
//! `champion.f1` its value of `f1`.

mod condition;
mod decide;
mod evaluate;
mod explain;
mod lexer;
mod parser;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use condition::Condition;
pub use decide::{Decision, decide};

/// A parsed gate. It shows and serialises as its source text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gate {
    source: String,
    condition: Condition,
}

/// What a repository demands of a model, beside what its notebook does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demanded {
    /// The path of the file that says so.
    pub file: String,
    /// The gates, in its order.
    pub gates: Vec<Gate>,
}

/// Why a text is not a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateError {
    /// The gate's text.
    pub source: String,
    /// Where it goes wrong: a character's position, from 1.
    pub column: usize,
    /// What is wrong there and what to write instead.
    pub message: String,
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gate {:?}, column {}: {}", self.source, self.column, self.message)
    }
}

impl std::error::Error for GateError {}

impl Gate {
    /// Reads a gate such as `accuracy >= 0.8 and rmse < champion`.
    pub fn parse(source: &str) -> Result<Self, GateError> {
        let source = source.trim();
        let condition = parser::parse(source)?;
        Ok(Self { source: source.to_owned(), condition })
    }

    /// The gate that asks for at least `minimum` of one metric.
    fn at_least(metric: &str, minimum: f64) -> Self {
        Self { source: format!("{metric} >= {minimum}"), condition: Condition::at_least(metric, minimum) }
    }
}

impl FromStr for Gate {
    type Err = GateError;
    fn from_str(source: &str) -> Result<Self, GateError> {
        Self::parse(source)
    }
}

impl TryFrom<String> for Gate {
    type Error = GateError;
    fn try_from(source: String) -> Result<Self, GateError> {
        Self::parse(&source)
    }
}

impl From<Gate> for String {
    fn from(gate: Gate) -> Self {
        gate.source
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
