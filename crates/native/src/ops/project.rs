//! `project`: rows times a matrix, and one number added to each column. `PCA`, `TruncatedSVD`, random projections and others.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Project {
    features: usize,
    outputs: usize,
    /// `[features, outputs]`
    matrix: Vec<f64>,
    added: Option<Vec<f64>>,
    /// Whether what comes out is sparse.
    sparse: bool,
}

impl Operate for Project {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, outputs) = (fields.count("features")?, fields.count("outputs")?);
        let matrix = fields.f64s("matrix")?;
        if features == 0 || outputs == 0 || features.checked_mul(outputs) != Some(matrix.len()) {
            return fields.wrong("matrix", "[features, outputs]");
        }
        let added = if fields.has("added") { Some(fields.f64s_of("added", outputs)?) } else { None };
        Ok(Self { features, outputs, matrix, added, sparse: fields.flag("sparse")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut made = Matrix::zeros(x.rows(), self.outputs);
        let into = made.values.chunks_exact_mut(self.outputs);
        match &x {
            Value::Sparse(sparse) if sparse.width == self.features => {
                for (row, into) in into.enumerate() {
                    let (places, values) = sparse.row(row);
                    for (place, value) in places.iter().zip(values) {
                        let start = *place as usize * self.outputs;
                        add(into, *value, &self.matrix[start..start + self.outputs]);
                    }
                }
            }
            other => {
                let x = other.dense(self.features)?;
                for (row, into) in x.each_row().zip(into) {
                    self.dense(row, into);
                }
            }
        }
        if let Some(added) = &self.added {
            for row in made.each_row_mut() {
                row.iter_mut().zip(added).for_each(|(value, added)| *value += added);
            }
        }
        Ok(if self.sparse { Value::Sparse(made.into_sparse()) } else { Value::Dense(made) })
    }
}

impl Project {
    /// Four features at once, so that what comes out is loaded and stored a quarter as often.
    fn dense(&self, row: &[f64], into: &mut [f64]) {
        let (fours, rows) = (row.chunks_exact(4), self.matrix.chunks_exact(4 * self.outputs));
        let rest = fours.remainder().iter().zip(rows.remainder().chunks_exact(self.outputs));
        for (four, rows) in fours.zip(rows) {
            let (first, second) = rows.split_at(2 * self.outputs);
            let (one, two) = first.split_at(self.outputs);
            let (three, last) = second.split_at(self.outputs);
            let factors = one.iter().zip(two).zip(three.iter().zip(last));
            for (into, ((one, two), (three, last))) in into.iter_mut().zip(factors) {
                *into += (four[0] * one + four[1] * two) + (four[2] * three + four[3] * last);
            }
        }
        rest.for_each(|(value, by)| add(into, *value, by));
    }
}

/// `into += value * by`
fn add(into: &mut [f64], value: f64, by: &[f64]) {
    into.iter_mut().zip(by).for_each(|(into, by)| *into += value * by);
}
