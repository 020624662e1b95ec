//! `linear`: rows times coefficients, plus intercepts. Linear and logistic regression and their relatives.

use crate::{Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted, answer::argmax, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Linear {
    features: usize,
    /// `[outputs, features]`
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    says: Says,
}

/// What is said of a row's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// They are the prediction.
    Values,
    /// The prediction is the class of the largest; the second of two if the one number is positive.
    Classes(Probabilities),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probabilities {
    None,
    /// `1 / (1 + exp(-x))` of each, in sum 1.
    Logistic,
    /// `exp(x) / Σ exp(x)`.
    Softmax,
}

impl Operate for Linear {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let features = fields.count("features")?;
        let intercepts = fields.f64s("intercepts")?;
        let coefficients = fields.f64s("coefficients")?;
        if features.checked_mul(intercepts.len()) != Some(coefficients.len()) || intercepts.is_empty() {
            return fields.wrong("coefficients", "[outputs, features]");
        }
        let says = match fields.word("says")? {
            "values" => Says::Values,
            "classes" => Says::Classes(Probabilities::None),
            "logistic" => Says::Classes(Probabilities::Logistic),
            "softmax" => Says::Classes(Probabilities::Softmax),
            _ => return fields.wrong("says", "a known word"),
        };
        Ok(Self { features, coefficients, intercepts, says })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let scores = self.scores(x)?;
        let Says::Classes(kind) = self.says else { return Ok(Answer::values(scores)) };
        let binary = scores.width == 1;
        let positive = |scores: &Matrix| scores.values.iter().map(|score| u32::from(*score > 0.0)).collect();
        let labels = || if binary { positive(&scores) } else { argmax(&scores) };
        let probabilities = (wanted.probabilities && kind != Probabilities::None).then(|| kind.of(&scores));
        let prediction = wanted.prediction.then(|| Prediction::Labels(labels()));
        Ok(Answer { prediction, probabilities, decision: wanted.decision.then_some(scores) })
    }
}

impl Linear {
    fn scores(&self, x: &Value<'_>) -> Result<Matrix, Refused> {
        let mut scores = Matrix::zeros(x.rows(), self.intercepts.len());
        if self.features == 0 {
            scores
                .values
                .chunks_exact_mut(self.intercepts.len())
                .for_each(|scores| scores.copy_from_slice(&self.intercepts));
            return Ok(scores);
        }
        let rows = scores.values.chunks_exact_mut(self.intercepts.len()).enumerate();
        let outputs = || self.coefficients.chunks_exact(self.features.max(1)).zip(&self.intercepts);
        match x {
            Value::Sparse(sparse) if sparse.width == self.features => {
                for (row, scores) in rows {
                    let (places, values) = sparse.row(row);
                    for (score, (coefficients, intercept)) in scores.iter_mut().zip(outputs()) {
                        let terms = places.iter().zip(values).map(|(at, value)| value * coefficients[*at as usize]);
                        *score = terms.sum::<f64>() + intercept;
                    }
                }
            }
            other => {
                let x = other.dense(self.features)?;
                for (row, scores) in rows {
                    let row = &x.values[row * x.width..(row + 1) * x.width];
                    for (score, (coefficients, intercept)) in scores.iter_mut().zip(outputs()) {
                        *score = dot(row, coefficients) + intercept;
                    }
                }
            }
        }
        Ok(scores)
    }
}

/// The sum of products, in four partial sums, which the compiler keeps in one register.
pub(crate) fn dot(one: &[f64], other: &[f64]) -> f64 {
    let (ones, others) = (one.chunks_exact(4), other.chunks_exact(4));
    let rest: f64 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 4];
    for (a, b) in ones.zip(others) {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += a[at] * b[at];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

impl Probabilities {
    fn of(self, scores: &Matrix) -> Matrix {
        match self {
            Self::Softmax if scores.width > 1 => softmax(scores.clone()),
            // Of one number x, the softmax of [-x, x] is meant by nobody: scikit-learn's two classes are logistic.
            _ if scores.width == 1 => {
                let mut two = Matrix::zeros(scores.rows, 2);
                for (into, score) in two.values.chunks_exact_mut(2).zip(&scores.values) {
                    into[1] = logistic(*score);
                    into[0] = 1.0 - into[1];
                }
                two
            }
            _ => {
                let mut each = scores.clone();
                for row in each.each_row_mut() {
                    for score in row.iter_mut() {
                        *score = logistic(*score);
                    }
                    let sum: f64 = row.iter().sum();
                    for share in row.iter_mut() {
                        *share /= sum;
                    }
                }
                each
            }
        }
    }
}

/// `1 / (1 + exp(-x))`, `scipy.special.expit`.
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `exp(x - max) / Σ`, row by row: `sklearn.utils.extmath.softmax`.
pub(crate) fn softmax(mut scores: Matrix) -> Matrix {
    for row in scores.each_row_mut() {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for score in row.iter_mut() {
            *score = (*score - largest).exp();
        }
        let sum: f64 = row.iter().sum();
        for score in row.iter_mut() {
            *score /= sum;
        }
    }
    scores
}
