//! `one_vs_one`: the votes of one binary classifier for each pair of classes, and a share below one that orders equal votes.
//! `OneVsOneClassifier`.

use crate::{Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted, answer::argmax, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct OneVsOne {
    classes: usize,
    pairs: usize,
    /// Of two classes, the second is predicted above it.
    threshold: f64,
}

impl Operate for OneVsOne {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let classes = fields.count("classes")?;
        match classes.checked_sub(1).and_then(|below| classes.checked_mul(below)).map(|twice| twice / 2) {
            Some(pairs) if pairs > 0 && pairs.checked_mul(2).is_some() => {
                Ok(Self { classes, pairs, threshold: fields.number("threshold")? })
            }
            _ => fields.wrong("classes", "two or more"),
        }
    }

    /// Of each pair, two columns: the prediction, 0 or 1, and the score.
    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.pairs * 2)?;
        let mut scores = Matrix::zeros(x.rows, self.classes);
        let mut votes = vec![0.0; self.classes];
        for (row, sums) in x.each_row().zip(scores.each_row_mut()) {
            votes.fill(0.0);
            self.count(row, sums, &mut votes);
            for (sum, votes) in sums.iter_mut().zip(&votes) {
                *sum = votes + *sum / (3.0 * (sum.abs() + 1.0));
            }
        }
        if self.classes == 2 {
            let second = scores.each_row().map(|row| row[1]).collect();
            scores = Matrix { rows: x.rows, width: 1, values: second, single: false };
        }
        let labels = || match self.classes {
            2 => scores.values.iter().map(|score| u32::from(*score > self.threshold)).collect(),
            _ => argmax(&scores),
        };
        let prediction = wanted.prediction.then(|| Prediction::Labels(labels()));
        Ok(Answer { prediction, probabilities: None, decision: wanted.decision.then_some(scores) })
    }
}

impl OneVsOne {
    /// `sklearn.utils.multiclass._ovr_decision_function`.
    fn count(&self, row: &[f64], sums: &mut [f64], votes: &mut [f64]) {
        let mut pairs = row.chunks_exact(2);
        for first in 0..self.classes {
            for second in first + 1..self.classes {
                let Some([label, score]) = pairs.next() else { return };
                sums[first] -= score;
                sums[second] += score;
                if *label == 0.0 {
                    votes[first] += 1.0;
                } else if (*label - 1.0).abs() <= 0.0 {
                    votes[second] += 1.0;
                }
            }
        }
    }
}
