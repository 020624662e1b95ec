//! `linear`: rows times coefficients, plus intercepts. Linear and logistic regression and their relatives, and what else
//! comes down to them: discrete naive Bayes, linear discriminants, projections.

use crate::{
    Answer, BadGraph, Explained, Explanation, Matrix, Prediction, Refused, Value, Wanted,
    answer::argmax,
    explain::Traced,
    file::Fields,
    math::{dot, logistic, logistic_pairs, pairs, posterior, shares, softmax},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Linear {
    features: usize,
    /// `[outputs, features]`
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    /// Each value is first replaced by whether it is above this.
    above: Option<f64>,
    says: Says,
}

/// What is said of a row's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// They are the prediction.
    Values,
    /// Their exponential is: a logarithmic link.
    Exp,
    /// `1 / (1 + exp(-x))` is: a logit link.
    Logit,
    /// The first class is below zero, the second from it on.
    Inliers,
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
    /// `(clip(x, -1, 1) + 1) / 2` of each, in sum 1: the loss `modified_huber`.
    Huber,
    /// The numbers are joint log likelihoods.
    Posterior,
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
            "exp" => Says::Exp,
            "logit" => Says::Logit,
            "inliers" => Says::Inliers,
            "classes" => Says::Classes(Probabilities::None),
            "logistic" => Says::Classes(Probabilities::Logistic),
            "softmax" => Says::Classes(Probabilities::Softmax),
            "huber" => Says::Classes(Probabilities::Huber),
            "posterior" => Says::Classes(Probabilities::Posterior),
            _ => return fields.wrong("says", "a known word"),
        };
        let above = if fields.has("above") { Some(fields.number("above")?) } else { None };
        Ok(Self { features, coefficients, intercepts, above, says })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        self.scores(&x).map(Value::Dense)
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let mut scores = self.scores(x)?;
        let kind = match self.says {
            Says::Values => return Ok(Answer::values(scores)),
            Says::Exp => {
                scores.values.iter_mut().for_each(|score| *score = score.exp());
                return Ok(Answer::values(scores));
            }
            Says::Logit => {
                scores.values.iter_mut().for_each(|score| *score = logistic(*score));
                return Ok(Answer::values(scores));
            }
            Says::Inliers => return Ok(Answer::inliers(scores)),
            Says::Classes(kind) => kind,
        };
        let binary = scores.width == 1;
        let positive = |scores: &Matrix| scores.values.iter().map(|score| u32::from(*score > 0.0)).collect();
        let prediction =
            wanted.prediction.then(|| Prediction::Labels(if binary { positive(&scores) } else { argmax(&scores) }));
        let probabilities = if wanted.probabilities { kind.of(&scores) } else { None };
        Ok(Answer { prediction, probabilities, decision: wanted.decision.then_some(scores) })
    }

    /// A coefficient times its value is what a feature adds; the intercepts are the base.
    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        let of = if self.says == Says::Values { Explained::Predictions } else { Explained::Scores };
        let mut made = Explanation::new(of, self.intercepts.clone(), (x.value.rows(), columns))?;
        let mut add = |row, feature: usize, value: f64| {
            let coefficients = self.coefficients.iter().skip(feature).step_by(self.features);
            let outputs = made.cell(row, x.origins[feature]).iter_mut().zip(coefficients);
            outputs.for_each(|(output, coefficient)| *output += value * coefficient);
        };
        match (&x.value, self.above) {
            (Value::Sparse(sparse), None) if sparse.width == self.features => {
                for row in 0..sparse.rows() {
                    let (places, values) = sparse.row(row);
                    places.iter().zip(values).for_each(|(at, value)| add(row, *at as usize, *value));
                }
            }
            (other, above) => {
                let number = |value: f64| above.map_or(value, |above| f64::from(u8::from(value > above)));
                for (row, values) in other.dense(self.features)?.each_row().enumerate() {
                    values.iter().enumerate().for_each(|(feature, value)| add(row, feature, number(*value)));
                }
            }
        }
        Ok(made)
    }
}

impl Linear {
    fn scores(&self, x: &Value<'_>) -> Result<Matrix, Refused> {
        let mut scores = Matrix::zeros(x.rows(), self.intercepts.len());
        let rows = scores.values.chunks_exact_mut(self.intercepts.len());
        let outputs = || self.coefficients.chunks_exact(self.features.max(1)).zip(&self.intercepts);
        if self.features == 0 {
            rows.for_each(|scores| scores.copy_from_slice(&self.intercepts));
            return Ok(scores);
        }
        match x {
            Value::Sparse(sparse) if sparse.width == self.features && self.above.is_none() => {
                for (row, scores) in rows.enumerate() {
                    let (places, values) = sparse.row(row);
                    for (score, (coefficients, intercept)) in scores.iter_mut().zip(outputs()) {
                        let terms = places.iter().zip(values).map(|(at, value)| value * coefficients[*at as usize]);
                        *score = terms.sum::<f64>() + intercept;
                    }
                }
            }
            other => {
                let mut x = other.dense(self.features)?;
                if let Some(above) = self.above {
                    x.to_mut().values.iter_mut().for_each(|value| *value = f64::from(u8::from(*value > above)));
                }
                for (row, scores) in x.each_row().zip(rows) {
                    for (score, (coefficients, intercept)) in scores.iter_mut().zip(outputs()) {
                        *score = dot(row, coefficients) + intercept;
                    }
                }
            }
        }
        Ok(scores)
    }
}

impl Probabilities {
    fn of(self, scores: &Matrix) -> Option<Matrix> {
        let huber = |score: f64| f64::midpoint(score.clamp(-1.0, 1.0), 1.0);
        let each =
            |f: &dyn Fn(f64) -> f64| Matrix { values: scores.values.iter().map(|score| f(*score)).collect(), ..*scores };
        Some(match self {
            Self::None => return None,
            Self::Posterior => posterior(scores.clone()),
            Self::Huber if scores.width == 1 => pairs(scores, huber),
            // Of one number x, the softmax of [-x, x] is meant by nobody: scikit-learn's two classes are logistic.
            _ if scores.width == 1 => logistic_pairs(scores),
            Self::Softmax => softmax(scores.clone()),
            Self::Huber => shares(each(&huber)),
            Self::Logistic => shares(each(&logistic)),
        })
    }
}
