//! `bins`: of each number, the place of the interval that it is in, or a row of zeros with a one there. `KBinsDiscretizer`.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Bins {
    /// Of each column, the edges between its intervals, ascending: one less than there are intervals.
    edges: Vec<Vec<f64>>,
    encode: Encode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encode {
    Place,
    Dense,
    Sparse,
}

impl Operate for Bins {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (all, sizes) = (fields.f64s("edges")?, fields.u32s("sizes")?);
        let (mut rest, mut edges) = (all.as_slice(), Vec::with_capacity(sizes.len()));
        for size in sizes {
            let Some((these, others)) = rest.split_at_checked(size as usize) else {
                return fields.wrong("sizes", "the lengths of the edges");
            };
            edges.push(these.to_vec());
            rest = others;
        }
        let encode = match fields.word("encode")? {
            "place" => Encode::Place,
            "dense" => Encode::Dense,
            "sparse" => Encode::Sparse,
            _ => return fields.wrong("encode", "a known word"),
        };
        Ok(Self { edges, encode })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = x.into_dense(self.edges.len())?;
        let place = |edges: &[f64], value: f64| edges.partition_point(|edge| *edge <= value);
        if self.encode == Encode::Place {
            #[expect(clippy::cast_precision_loss, reason = "a place is small")]
            for row in x.each_row_mut() {
                row.iter_mut().zip(&self.edges).for_each(|(value, edges)| *value = place(edges, *value) as f64);
            }
            return Ok(Value::Dense(x));
        }
        let width = self.edges.iter().map(|edges| edges.len() + 1).sum::<usize>();
        let mut made = Matrix { single: x.single, ..Matrix::zeros(x.rows, width) };
        for (row, into) in x.each_row().zip(made.values.chunks_exact_mut(width.max(1))) {
            let mut start = 0;
            for (value, edges) in row.iter().zip(&self.edges) {
                into[start + place(edges, *value)] = 1.0;
                start += edges.len() + 1;
            }
        }
        Ok(if self.encode == Encode::Sparse { Value::Sparse(made.into_sparse()) } else { Value::Dense(made) })
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        if self.encode == Encode::Place {
            return Some(of.to_vec());
        }
        Some(of.iter().zip(&self.edges).flat_map(|(of, edges)| std::iter::repeat_n(*of, edges.len() + 1)).collect())
    }
}
