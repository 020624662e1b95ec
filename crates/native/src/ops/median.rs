//! `median`: of each row's numbers, the weighted median. `AdaBoostRegressor`.

use crate::{
    Answer, BadGraph, Matrix, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Median {
    of: Operator,
    weights: Vec<f64>,
}

impl Operate for Median {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        Ok(Self { of: fields.operator("of")?, weights: fields.f64s("weights")? })
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let numbers = self.of.transform(x.clone())?.into_dense(self.weights.len())?;
        let mut order = (0..self.weights.len()).collect::<Vec<_>>();
        let median = |row: &[f64]| {
            order.sort_by(|one, other| row[*one].total_cmp(&row[*other]));
            // Added up in the order of the numbers, as `numpy.cumsum` does.
            let whole = order.iter().fold(0.0, |sum, at| sum + self.weights[*at]);
            let mut sum = 0.0;
            let half = order.iter().find(|at| {
                sum += self.weights[**at];
                sum >= 0.5 * whole
            });
            half.or(order.first()).map_or(f64::NAN, |at| row[*at])
        };
        let values = numbers.each_row().map(median).collect();
        Ok(Answer::values(Matrix { rows: numbers.rows, width: 1, values, single: false }))
    }
}
