//! `propagate`: the shares of labels around a row, by how near the fitted rows are. `LabelPropagation`, `LabelSpreading`.

use crate::{Answer, BadGraph, Matrix, Refused, Value, Wanted, file::Fields, math::dot, operator::Operate};

#[derive(Debug)]
pub(crate) struct Propagate {
    features: usize,
    classes: usize,
    gamma: f64,
    /// `[fitted, features]`
    rows: Vec<f64>,
    /// Of each fitted row, its square.
    squares: Vec<f64>,
    /// `[fitted, classes]`
    shares: Vec<f64>,
}

impl Operate for Propagate {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, classes) = (fields.count("features")?, fields.count("classes")?);
        let (rows, shares) = (fields.f64s("rows")?, fields.f64s("shares")?);
        if features == 0 || classes == 0 || rows.len() % features != 0 || shares.len() % classes != 0 {
            return fields.wrong("rows", "[fitted, features]");
        }
        let squares = rows.chunks_exact(features).map(|row| dot(row, row)).collect::<Vec<_>>();
        if squares.is_empty() || shares.len() / classes != squares.len() {
            return fields.wrong("shares", "[fitted, classes]");
        }
        Ok(Self { features, classes, gamma: fields.number("gamma")?, rows, squares, shares })
    }

    /// `exp(-γ·d²)` of each fitted row, d² as `sklearn.metrics.pairwise.euclidean_distances` computes it.
    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let mut sums = Matrix::zeros(x.rows, self.classes);
        for (row, into) in x.each_row().zip(sums.each_row_mut()) {
            let square = dot(row, row);
            let fitted = self.rows.chunks_exact(self.features).zip(&self.squares);
            for ((known, known_square), shares) in fitted.zip(self.shares.chunks_exact(self.classes)) {
                let distance = (-2.0 * dot(known, row) + known_square + square).max(0.0);
                let weight = (-self.gamma * distance).exp();
                for (sum, share) in into.iter_mut().zip(shares) {
                    *sum += weight * share;
                }
            }
            let total = into.iter().sum::<f64>();
            for sum in into {
                *sum /= total;
            }
        }
        Ok(Answer::most_probable(sums, wanted))
    }
}
