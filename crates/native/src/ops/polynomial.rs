//! `polynomial`: products of columns. `PolynomialFeatures`.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Polynomial {
    features: usize,
    /// Whether a 1 comes first.
    bias: bool,
    /// In the order in which they are multiplied.
    terms: Vec<Term>,
    /// So many of the first terms are factors of others only.
    skip: usize,
}

/// A column, times a term before it if there is one.
#[derive(Debug, Clone, Copy)]
struct Term {
    times: Option<u32>,
    column: u32,
}

impl Operate for Polynomial {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let features = fields.count("features")?;
        let (times, columns) = (fields.i32s("times")?, fields.u32s("columns")?);
        let term = |(at, (times, column)): (usize, (i32, u32))| {
            let times = u32::try_from(times).ok();
            let fits = times.is_none_or(|times| (times as usize) < at) && (column as usize) < features;
            fits.then_some(Term { times, column })
        };
        let terms = times.iter().copied().zip(columns.iter().copied()).enumerate().map(term).collect::<Option<Vec<_>>>();
        let skip = fields.count("skip")?;
        match terms {
            Some(terms) if times.len() == columns.len() && skip <= terms.len() => {
                Ok(Self { features, bias: fields.flag("bias")?, terms, skip })
            }
            _ => fields.wrong("times", "one for each column, before its own place"),
        }
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let sparse = matches!(x, Value::Sparse(_));
        let x = x.dense(self.features)?;
        let bias = usize::from(self.bias);
        let width = bias + self.terms.len() - self.skip;
        let mut made = Matrix { single: x.single, ..Matrix::zeros(x.rows, width) };
        let mut products = vec![0.0; self.terms.len()];
        for (row, into) in x.each_row().zip(made.values.chunks_exact_mut(width.max(1))) {
            for (at, term) in self.terms.iter().enumerate() {
                let value = row[term.column as usize];
                products[at] = match term.times {
                    None => value,
                    Some(times) if x.single => single(products[times as usize] * value),
                    Some(times) => products[times as usize] * value,
                };
            }
            into[..bias].fill(1.0);
            into[bias..].copy_from_slice(&products[self.skip..]);
        }
        Ok(if sparse { Value::Sparse(made.into_sparse()) } else { Value::Dense(made) })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}
