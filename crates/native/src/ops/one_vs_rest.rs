//! `one_vs_rest`: a label for each row from one score a class. `OneVsRestClassifier`.

use crate::{Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct OneVsRest {
    /// The columns of its input.
    width: usize,
    /// Of each class, the column of its score; of two classes, that of the second.
    scores: Vec<usize>,
    /// And of its probability.
    positives: Vec<usize>,
    /// A score above it means the second of two classes.
    threshold: f64,
    /// Whether the scores are the decision function.
    decides: bool,
}

impl Operate for OneVsRest {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let width = fields.count("width")?;
        let (scores, positives) = (fields.counts("scores")?, fields.counts("positives")?);
        let known = |columns: &[usize]| columns.iter().all(|at| *at < width);
        if scores.is_empty() || !known(&scores) || !known(&positives) {
            return fields.wrong("scores", "places of columns");
        }
        if !positives.is_empty() && positives.len() != scores.len() {
            return fields.wrong("positives", "none, or as many as there are scores");
        }
        Ok(Self { width, scores, positives, threshold: fields.number("threshold")?, decides: fields.flag("decides")? })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.width)?;
        let prediction = wanted.prediction.then(|| Prediction::Labels(x.each_row().map(|row| self.label(row)).collect()));
        let probabilities = (wanted.probabilities && !self.positives.is_empty()).then(|| self.probabilities(&x));
        let decision = (wanted.decision && self.decides).then(|| {
            let values = x.each_row().flat_map(|row| self.scores.iter().map(|at| row[*at])).collect();
            Matrix { rows: x.rows, width: self.scores.len(), values, single: x.single }
        });
        Ok(Answer { prediction, probabilities, decision })
    }
}

impl OneVsRest {
    /// The first largest score's; a NaN, once met from behind, is a maximum that no score equals.
    fn label(&self, row: &[f64]) -> u32 {
        if let [only] = self.scores[..] {
            return u32::from(row[only] > self.threshold);
        }
        let (mut largest, mut best) = (f64::NEG_INFINITY, 0);
        for (place, at) in self.scores.iter().enumerate().rev() {
            let score = row[*at];
            largest = if score.is_nan() || largest.is_nan() { f64::NAN } else { largest.max(score) };
            if score >= largest {
                best = place;
            }
        }
        u32::try_from(best).unwrap_or(0)
    }

    /// Each class's, in sum 1, or all zero.
    fn probabilities(&self, x: &Matrix) -> Matrix {
        let width = self.positives.len().max(2);
        let mut shares = Matrix { single: x.single, ..Matrix::zeros(x.rows, width) };
        for (row, into) in x.each_row().zip(shares.each_row_mut()) {
            for (share, at) in into.iter_mut().rev().zip(self.positives.iter().rev()) {
                *share = row[*at];
            }
            if self.positives.len() == 1 {
                into[0] = 1.0 - into[1];
            }
        }
        shares.round();
        let mut sums = Matrix { single: x.single, ..Matrix::zeros(x.rows, 1) };
        for at in 0..width {
            for (sum, row) in sums.values.iter_mut().zip(shares.each_row()) {
                *sum += row[at];
            }
            sums.round();
        }
        for (row, sum) in shares.each_row_mut().zip(&sums.values) {
            if *sum != 0.0 {
                for share in row {
                    *share /= sum;
                }
            }
        }
        shares.round();
        shares
    }
}
