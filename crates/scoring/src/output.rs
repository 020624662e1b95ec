//! What a model answers.

use std::time::Duration;

use serde_json::value::RawValue;

/// Predictions, and how long they took.
#[derive(Debug)]
pub struct Prediction {
    /// One prediction for each row.
    pub output: Output,
    /// What was asked for besides.
    pub more: Option<Box<More>>,
    /// How long the engine took.
    pub spent: Spent,
}

/// What is asked for besides predictions and probabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// The numbers that the prediction is decided by.
    pub decision: bool,
    /// How much each input column adds to what is said.
    pub explanations: bool,
}

impl Extras {
    /// Whether there is anything.
    pub fn any(self) -> bool {
        self.decision || self.explanations
    }
}

/// What was asked for besides predictions and probabilities.
#[derive(Debug, Default)]
pub struct More {
    /// The numbers that the prediction is decided by.
    pub decision: Option<Decision>,
    /// How much each input column adds to what is said.
    pub explanations: Option<Explanations>,
}

/// The numbers that predictions are decided by.
#[derive(Debug)]
pub struct Decision {
    /// `decision_function` or `score_samples`: the estimator's method whose answers they are.
    pub method: &'static str,
    /// One number for each row, or a list.
    pub numbers: Numbers,
}

/// How much each input column adds to what is said of each row: with the base, that is its sum.
#[derive(Debug)]
pub struct Explanations {
    /// What is explained: `predictions`, `probabilities` or `scores`.
    pub of: &'static str,
    /// What is said where nothing is known of a row: a number for each output.
    pub base: Vec<f64>,
    /// How many input columns there are.
    pub columns: usize,
    /// `[rows, columns, outputs]`
    pub values: Vec<f64>,
}

/// How long an engine took for one batch.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Until it began.
    pub waiting: Duration,
    /// From then on.
    pub computing: Duration,
}

/// How much memory a model takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// In bytes.
    pub bytes: u64,
    /// Whether that is what it takes, and not what the sizes of its files lead to expect.
    pub measured: bool,
}

/// Predictions, one for each row.
#[derive(Debug)]
pub enum Output {
    /// A classifier's.
    Classes {
        /// Each row's label, by its place among the manifest's classes.
        labels: Vec<usize>,
        /// `[rows, classes]`, if the model gives any.
        probabilities: Option<Numbers>,
    },
    /// A regression's.
    Numbers(Numbers),
    /// JSON lists, as another process wrote them, or of several labels a row: read again only by who needs that.
    Json {
        /// One item for each row.
        predictions: Box<RawValue>,
        /// A list for each row, if the model gives any.
        probabilities: Option<Box<RawValue>>,
    },
}

/// Numbers, row-major.
#[derive(Debug)]
pub struct Numbers {
    /// All of them.
    pub values: Vec<f64>,
    /// The length of each row's list; `None` where a row is one bare number.
    pub width: Option<usize>,
}
