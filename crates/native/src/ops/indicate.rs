//! `indicate`: of some columns, 1 where a number is missing, else 0. `MissingIndicator`.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Indicate {
    width: usize,
    /// What counts as missing; NaN for NaN.
    missing: f64,
    columns: Vec<usize>,
    /// The columns in which none may be missing.
    never: Vec<usize>,
    sparse: bool,
}

impl Operate for Indicate {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (width, columns, never) = (fields.count("width")?, fields.counts("columns")?, fields.counts("never")?);
        if columns.iter().chain(&never).any(|at| *at >= width) {
            return fields.wrong("columns", "places of columns");
        }
        let missing = if fields.has("missing") { fields.number("missing")? } else { f64::NAN };
        Ok(Self { width, missing, columns, never, sparse: fields.flag("sparse")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.dense(self.width)?;
        let is_missing = |value: f64| super::impute::is(self.missing, value);
        let mut made = Matrix::zeros(x.rows, self.columns.len());
        for (at, row) in x.each_row().enumerate() {
            if self.never.iter().any(|at| is_missing(row[*at])) {
                return Err(Refused::rows("a value is missing where none was in training"));
            }
            for (to, from) in self.columns.iter().enumerate() {
                made.values[at * self.columns.len() + to] = f64::from(u8::from(is_missing(row[*from])));
            }
        }
        Ok(if self.sparse { Value::Sparse(made.into_sparse()) } else { Value::Dense(made) })
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        self.columns.iter().map(|at| of.get(*at).copied()).collect()
    }
}
