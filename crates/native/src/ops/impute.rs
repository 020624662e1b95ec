//! `impute`: puts a number where one is missing, and says where that was. `SimpleImputer` of numbers.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Impute {
    /// What counts as missing; NaN for NaN.
    missing: f64,
    /// Of each column, what is put in; NaN for a column that is left out.
    fill: Vec<f64>,
    /// The columns that are followed by whether they were missing.
    indicator: Vec<usize>,
}

impl Operate for Impute {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let fill = fields.f64s("fill")?;
        let indicator = fields.counts("indicator")?;
        if indicator.iter().any(|at| *at >= fill.len()) {
            return fields.wrong("indicator", "places of columns");
        }
        let missing = if fields.has("missing") { fields.number("missing")? } else { f64::NAN };
        Ok(Self { missing, fill, indicator })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = x.into_dense(self.fill.len())?;
        let is_missing = |value: f64| if self.missing.is_nan() { value.is_nan() } else { value == self.missing };
        if self.indicator.is_empty() && self.fill.iter().all(|fill| !fill.is_nan()) {
            for row in x.each_row_mut() {
                for (value, fill) in row.iter_mut().zip(&self.fill) {
                    if is_missing(*value) {
                        *value = *fill;
                    }
                }
            }
            return Ok(Value::Dense(x));
        }
        let kept = self.fill.iter().filter(|fill| !fill.is_nan()).count();
        let width = kept + self.indicator.len();
        let mut values = Vec::with_capacity(x.rows * width);
        for row in x.each_row() {
            let put_in = |(value, fill): (&f64, &f64)| if is_missing(*value) { *fill } else { *value };
            let kept = row.iter().zip(&self.fill).filter(|(_, fill)| !fill.is_nan());
            values.extend(kept.map(put_in));
            values.extend(self.indicator.iter().map(|at| f64::from(u8::from(is_missing(row[*at])))));
        }
        Ok(Value::Dense(Matrix { rows: x.rows, width, values, single: x.single }))
    }
}
