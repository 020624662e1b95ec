//! What an estimator says of rows.

use crate::Matrix;

/// What is to be computed: what is not wanted may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// What `predict` says.
    pub prediction: bool,
    /// What `predict_proba` says.
    pub probabilities: bool,
    /// What `decision_function` says, or `score_samples` of what has none.
    pub decision: bool,
}

impl Wanted {
    /// `predict` alone.
    pub const PREDICTION: Self = Self { prediction: true, probabilities: false, decision: false };
    /// `predict_proba` alone.
    pub const PROBABILITIES: Self = Self { prediction: false, probabilities: true, decision: false };
    /// `decision_function` alone.
    pub const DECISION: Self = Self { prediction: false, probabilities: false, decision: true };
    /// Everything that there is.
    pub const ALL: Self = Self { prediction: true, probabilities: true, decision: true };
}

/// What an estimator says: what was wanted of it, as far as it has that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// What `predict` says.
    pub prediction: Option<Prediction>,
    /// What `predict_proba` says, `[rows, classes]`.
    pub probabilities: Option<Matrix>,
    /// What `decision_function` or `score_samples` says, `[rows, 1]` or `[rows, classes]`.
    pub decision: Option<Matrix>,
}

/// What `predict` says.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// Of each row, the place of its label among the estimator's classes.
    Labels(Vec<u32>),
    /// Of each row, several labels: row-major, their places among [`Graph::labels`](crate::Graph::labels).
    Several {
        /// All of them.
        labels: Vec<u32>,
        /// How many a row has.
        width: usize,
    },
    /// Of each row, its numbers.
    Values(Matrix),
}

impl Answer {
    /// A regression's.
    pub(crate) fn values(values: Matrix) -> Self {
        Self { prediction: Some(Prediction::Values(values)), ..Self::default() }
    }

    /// An outlier detector's: the first class, outliers, is below zero.
    pub(crate) fn inliers(scores: Matrix) -> Self {
        let labels = scores.values.iter().map(|score| u32::from(*score >= 0.0)).collect();
        Self { prediction: Some(Prediction::Labels(labels)), decision: Some(scores), probabilities: None }
    }

    /// A clusterer's.
    pub(crate) fn labels(labels: Vec<u32>) -> Self {
        Self { prediction: Some(Prediction::Labels(labels)), ..Self::default() }
    }

    /// A classifier's whose joint log likelihoods these are.
    pub(crate) fn most_likely(scores: Matrix, wanted: Wanted) -> Self {
        let prediction = wanted.prediction.then(|| Prediction::Labels(argmax(&scores)));
        let probabilities = wanted.probabilities.then(|| crate::math::posterior(scores));
        Self { prediction, probabilities, decision: None }
    }

    /// A classifier's that chooses the first of the most probable classes, as `argmax` does.
    pub(crate) fn most_probable(probabilities: Matrix, wanted: Wanted) -> Self {
        let prediction = wanted.prediction.then(|| Prediction::Labels(argmax(&probabilities)));
        Self { prediction, probabilities: wanted.probabilities.then_some(probabilities), decision: None }
    }
}

/// Of each row, the place of its first largest number.
pub(crate) fn argmax(scores: &Matrix) -> Vec<u32> {
    scores.each_row().map(|row| u32::try_from(first_largest(row)).unwrap_or(0)).collect()
}

/// The place of the first largest number; as numpy has it, a NaN is the largest.
pub(crate) fn first_largest(row: &[f64]) -> usize {
    let mut best = 0;
    for (at, score) in row.iter().enumerate().skip(1) {
        if row[best].is_nan() {
            break;
        }
        if *score > row[best] || score.is_nan() {
            best = at;
        }
    }
    best
}
