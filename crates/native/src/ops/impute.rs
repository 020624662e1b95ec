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

/// Whether a value counts as missing, where `missing` does; NaN for NaN.
#[expect(clippy::float_cmp, reason = "one very number is meant")]
pub(crate) fn is(missing: f64, value: f64) -> bool {
    if missing.is_nan() { value.is_nan() } else { value == missing }
}

/// `filled`, and beside it where some columns of `x` were missing.
pub(crate) fn indicated(filled: Matrix, x: &Matrix, columns: &[usize], missing: f64) -> Matrix {
    if columns.is_empty() {
        return filled;
    }
    let width = filled.width + columns.len();
    let mut values = Vec::with_capacity(x.rows * width);
    for (at, row) in x.each_row().enumerate() {
        values.extend_from_slice(&filled.values[at * filled.width..(at + 1) * filled.width]);
        values.extend(columns.iter().map(|at| f64::from(u8::from(is(missing, row[*at])))));
    }
    Matrix { rows: x.rows, width, values, single: filled.single }
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
        if self.indicator.is_empty() && self.fill.iter().all(|fill| !fill.is_nan()) {
            for row in x.each_row_mut() {
                for (value, fill) in row.iter_mut().zip(&self.fill) {
                    if is(self.missing, *value) {
                        *value = *fill;
                    }
                }
            }
            return Ok(Value::Dense(x));
        }
        let width = self.fill.iter().filter(|fill| !fill.is_nan()).count();
        let mut values = Vec::with_capacity(x.rows * width);
        for row in x.each_row() {
            let put_in = |(value, fill): (&f64, &f64)| if is(self.missing, *value) { *fill } else { *value };
            values.extend(row.iter().zip(&self.fill).filter(|(_, fill)| !fill.is_nan()).map(put_in));
        }
        let filled = Matrix { rows: x.rows, width, values, single: x.single };
        Ok(Value::Dense(indicated(filled, &x, &self.indicator, self.missing)))
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        let filled = of.iter().zip(&self.fill).filter(|(_, fill)| !fill.is_nan()).map(|(of, _)| Some(*of));
        filled.chain(self.indicator.iter().map(|at| of.get(*at).copied())).collect()
    }
}
