//! How much each input column adds to what an estimator says of a row.
//!
//! Estimators are explained by the features that they see, which the steps before them made. What the features of one input
//! column add is that column's together: so each step says which one column a feature is made of, and where one is made of several,
//! there is no explanation.

use crate::{Refused, Value};

/// So many numbers at most are in one explanation.
const LARGEST: usize = 1 << 22;

/// How much each input column adds to what is said of each row: with the base, it sums up to that.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What is explained.
    pub of: Explained,
    /// Of each output, what is said where nothing is known of a row.
    pub base: Vec<f64>,
    /// How many input columns there are.
    pub columns: usize,
    /// `[rows, columns, outputs]`
    pub values: Vec<f64>,
}

/// What the parts of an explanation sum up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// What `predict` says.
    Predictions,
    /// What `predict_proba` says.
    Probabilities,
    /// What the estimator computes predictions and probabilities from: log-odds, margins, logarithms.
    Scores,
}

/// Columns between operators, and what they are made of.
#[derive(Debug, Clone)]
pub(crate) struct Traced<'a> {
    pub(crate) value: Value<'a>,
    /// Of each column, the only input column that it is made of.
    pub(crate) origins: Vec<u32>,
}

impl<'a> Traced<'a> {
    /// Rows as they come in.
    pub(crate) fn inputs(value: Value<'a>) -> Self {
        Self { origins: (0..).take(value.width()).collect(), value }
    }
}

impl Explanation {
    /// One to which nothing was added yet.
    pub(crate) fn new(of: Explained, base: Vec<f64>, (rows, columns): (usize, usize)) -> Result<Self, Refused> {
        match rows.checked_mul(columns).and_then(|cells| cells.checked_mul(base.len())) {
            Some(size) if size <= LARGEST => Ok(Self { of, base, columns, values: vec![0.0; size] }),
            _ => Err(Refused::rows("the explanation of these rows would be too long; send fewer at once")),
        }
    }

    /// What a column adds to a row's outputs.
    pub(crate) fn cell(&mut self, row: usize, column: u32) -> &mut [f64] {
        let start = (row * self.columns + column as usize) * self.base.len();
        &mut self.values[start..start + self.base.len()]
    }
}
