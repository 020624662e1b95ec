//! `nearest`: the label of the nearest center; transformed, the distances to all. `KMeans`, `MiniBatchKMeans`, `MeanShift`,
//! `AffinityPropagation`, `Birch`, `NearestCentroid`.

use crate::{
    Answer, BadGraph, Matrix, Refused, Value, Wanted,
    file::Fields,
    math::{fused_dot, squared_distance},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Nearest {
    features: usize,
    /// `[labels, features]`
    centers: Vec<f64>,
    labels: Vec<u32>,
    metric: Metric,
}

/// How a row and a center are compared. Far away from all centers, and between two of them, rounding decides.
#[derive(Debug)]
enum Metric {
    /// By the sum of squared differences.
    Euclidean,
    Manhattan,
    /// By `|c|² - 2·x·c`, as scikit-learn's K-means does it.
    Products(Vec<f64>),
}

impl Metric {
    fn distance(&self, place: usize, row: &[f64], center: &[f64]) -> f64 {
        match self {
            Self::Euclidean => squared_distance(row, center),
            Self::Manhattan => row.iter().zip(center).map(|(a, b)| (a - b).abs()).sum(),
            Self::Products(squares) => -2.0 * fused_dot(row, center) + squares[place],
        }
    }
}

impl Operate for Nearest {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, labels) = (fields.count("features")?, fields.u32s("labels")?);
        if features == 0 || labels.is_empty() {
            return fields.wrong("labels", "at least one, in at least one column");
        }
        let centers = fields.f64s_of("centers", labels.len().saturating_mul(features))?;
        let metric = match fields.word("metric")? {
            "euclidean" => Metric::Euclidean,
            "manhattan" => Metric::Manhattan,
            "products" => Metric::Products(fields.f64s_of("squares", labels.len())?),
            _ => return fields.wrong("metric", "a known word"),
        };
        Ok(Self { features, centers, labels, metric })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.into_dense(self.features)?;
        let mut distances = Matrix::zeros(x.rows, self.labels.len());
        for (row, into) in x.each_row().zip(distances.each_row_mut()) {
            for (into, center) in into.iter_mut().zip(self.centers.chunks_exact(self.features)) {
                *into = squared_distance(row, center).sqrt();
            }
        }
        Ok(Value::Dense(distances))
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let label = |row: &[f64]| {
            let centers = self.centers.chunks_exact(self.features).enumerate();
            let mut distances = centers.map(|(place, center)| self.metric.distance(place, row, center)).enumerate();
            // The first one stands, also if it is no number.
            let first = distances.next().unwrap_or((0, 0.0));
            let (nearest, _) = distances.fold(first, |least, next| if next.1 < least.1 { next } else { least });
            self.labels[nearest]
        };
        Ok(Answer::labels(x.each_row().map(label).collect()))
    }
}
