//! `average`: the mean, weighted or not, of several estimators' numbers. `VotingRegressor`, soft `VotingClassifier`,
//! `CalibratedClassifierCV`.

use crate::{Answer, BadGraph, Matrix, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Average {
    /// How many columns are one estimator's.
    width: usize,
    parts: usize,
    /// One for each part, and their sum.
    weights: Option<(Vec<f64>, f64)>,
    classifies: bool,
}

impl Operate for Average {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (width, parts) = (fields.count("width")?, fields.count("parts")?);
        if width == 0 || parts == 0 || width.checked_mul(parts).is_none() {
            return fields.wrong("parts", "at least one of at least one column");
        }
        let weights = match fields.maybe_f64s("weights")? {
            Some(mut weights) if weights.len() == parts + 1 => {
                let sum = weights.pop().unwrap_or(1.0);
                Some((weights, sum))
            }
            None => None,
            Some(_) => return fields.wrong("weights", "one for each part, and their sum"),
        };
        Ok(Self { width, parts, weights, classifies: fields.flag("classifies")? })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let mean = self.mean(&*x.dense(self.width * self.parts)?);
        Ok(if self.classifies { Answer::most_probable(mean, wanted) } else { Answer::values(mean) })
    }
}

impl Average {
    /// As `numpy.average` has it: part by part, divided at the end; weighted, never in 32 bits.
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    fn mean(&self, x: &Matrix) -> Matrix {
        let mut sums = Matrix { single: x.single && self.weights.is_none(), ..Matrix::zeros(x.rows, self.width) };
        for part in 0..self.parts {
            let weight = self.weights.as_ref().map_or(1.0, |(weights, _)| weights[part]);
            for (sums, row) in sums.each_row_mut().zip(x.each_row()) {
                let row = &row[part * self.width..(part + 1) * self.width];
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += value * weight;
                }
            }
            sums.round();
        }
        let by = self.weights.as_ref().map_or(self.parts as f64, |(_, sum)| *sum);
        for sum in &mut sums.values {
            *sum /= by;
        }
        sums.round();
        sums
    }
}
