//! `nearest`: the label of the nearest center; transformed, the distances to all. `KMeans`, `MiniBatchKMeans`, `MeanShift`,
//! `AffinityPropagation`, `Birch`, `NearestCentroid`.

use crate::{Answer, BadGraph, Matrix, Refused, Value, Wanted, file::Fields, math::squared_distance, operator::Operate};

#[derive(Debug)]
pub(crate) struct Nearest {
    features: usize,
    /// `[labels, features]`
    centers: Vec<f64>,
    labels: Vec<u32>,
    manhattan: bool,
}

impl Operate for Nearest {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, labels) = (fields.count("features")?, fields.u32s("labels")?);
        if features == 0 || labels.is_empty() {
            return fields.wrong("labels", "at least one, in at least one column");
        }
        let centers = fields.f64s_of("centers", labels.len().saturating_mul(features))?;
        let manhattan = match fields.word("metric")? {
            "euclidean" => false,
            "manhattan" => true,
            _ => return fields.wrong("metric", "a known word"),
        };
        Ok(Self { features, centers, labels, manhattan })
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
        let distance = |row: &[f64], center: &[f64]| {
            if self.manhattan {
                row.iter().zip(center).map(|(a, b)| (a - b).abs()).sum()
            } else {
                squared_distance(row, center)
            }
        };
        let label = |row: &[f64]| {
            let (mut nearest, mut least) = (0, f64::INFINITY);
            for (center, label) in self.centers.chunks_exact(self.features).zip(&self.labels) {
                let distance = distance(row, center);
                if distance < least {
                    (nearest, least) = (*label, distance);
                }
            }
            nearest
        };
        Ok(Answer::labels(x.each_row().map(label).collect()))
    }
}
