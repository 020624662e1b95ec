//! `neighbour_impute`: missing numbers replaced by the mean of the nearest fitted rows'. `KNNImputer`.

use super::impute;
use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct NeighbourImpute {
    width: usize,
    /// `[rows, width]`; NaN where a number is missing.
    fitted: Vec<f64>,
    neighbours: usize,
    /// What counts as missing; NaN for NaN.
    missing: f64,
    /// Of each column, the mean of what is fitted; NaN where all of it is missing.
    means: Vec<f64>,
    /// Columns that are missing in all fitted rows become zeros; else they are left out.
    keep: bool,
    /// The columns that are followed by whether they were missing.
    indicator: Vec<usize>,
}

impl Operate for NeighbourImpute {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (means, fitted, indicator) = (fields.f64s("means")?, fields.f64s("fitted")?, fields.counts("indicator")?);
        let (width, neighbours) = (means.len(), fields.count("neighbours")?);
        if width == 0 || fitted.len() % width != 0 || neighbours == 0 {
            return fields.wrong("fitted", "[rows, columns]");
        }
        if indicator.iter().any(|at| *at >= width) {
            return fields.wrong("indicator", "places of columns");
        }
        let missing = if fields.has("missing") { fields.number("missing")? } else { f64::NAN };
        Ok(Self { width, fitted, neighbours, missing, means, keep: fields.flag("keep")?, indicator })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.into_dense(self.width)?;
        let mut search = Search::default();
        let mut values = Vec::with_capacity(x.values.len());
        for row in x.each_row() {
            let gone = |at: usize| impute::is(self.missing, row[at]);
            search.known.clear();
            search.known.extend((0..self.width).filter(|at| !gone(*at)));
            search.measured = false;
            for (at, mean) in self.means.iter().enumerate() {
                if !mean.is_nan() {
                    values.push(if gone(at) { self.nearest(row, at, *mean, &mut search) } else { row[at] });
                } else if self.keep {
                    values.push(0.0);
                }
            }
        }
        let width = if self.keep { self.width } else { self.means.iter().filter(|mean| !mean.is_nan()).count() };
        let filled = Matrix { rows: x.rows, width, values, single: false };
        Ok(Value::Dense(impute::indicated(filled, &x, &self.indicator, self.missing)))
    }
}

/// What is found for one row, and used again for the next one.
#[derive(Default)]
struct Search {
    /// The columns that are not missing in the row.
    known: Vec<usize>,
    /// Whether `distances` are the row's.
    measured: bool,
    /// To each fitted row, the mean square of the differences in the columns that both know; NaN where there are none.
    distances: Vec<f64>,
    /// Distances and values.
    donors: Vec<(f64, f64)>,
}

impl NeighbourImpute {
    fn nearest(&self, row: &[f64], column: usize, mean: f64, search: &mut Search) -> f64 {
        if !search.measured {
            search.measured = true;
            search.distances.clear();
            let known = &search.known;
            search.distances.extend(self.fitted.chunks_exact(self.width).map(|fitted| distance(row, fitted, known)));
        }
        search.donors.clear();
        let values = self.fitted.iter().skip(column).step_by(self.width);
        let pairs = search.distances.iter().copied().zip(values.copied());
        search.donors.extend(pairs.filter(|(distance, value)| !distance.is_nan() && !value.is_nan()));
        if search.donors.is_empty() {
            return mean;
        }
        if self.neighbours < search.donors.len() {
            search.donors.select_nth_unstable_by(self.neighbours - 1, |one, other| one.0.total_cmp(&other.0));
            search.donors.truncate(self.neighbours);
        }
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let count = search.donors.len() as f64;
        search.donors.iter().map(|(_, value)| value).sum::<f64>() / count
    }
}

/// `sklearn.metrics.pairwise.nan_euclidean_distances`, but for its root and its factor, which are the same for all.
#[expect(clippy::cast_precision_loss, reason = "a count")]
fn distance(row: &[f64], fitted: &[f64], known: &[usize]) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for at in known {
        let difference = row[*at] - fitted[*at];
        if !difference.is_nan() {
            sum += difference * difference;
            count += 1;
        }
    }
    sum / count as f64
}
