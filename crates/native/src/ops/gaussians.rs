//! `gaussians`: how likely each of several normal distributions made a row. `GaussianNB`, `QuadraticDiscriminantAnalysis`,
//! `GaussianMixture`, `BayesianGaussianMixture`, `EllipticEnvelope`, `NearestCentroid`.
//!
//! Of each distribution, a row has a score `factor * (norm + inner) + outer`.

use crate::{
    Answer, BadGraph, Matrix, Refused, Value, Wanted,
    file::Fields,
    math::{dot, squared_distance},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Gaussians {
    features: usize,
    count: usize,
    form: Form,
    factor: f64,
    inner: Vec<f64>,
    outer: Vec<f64>,
    /// The scores are one outlier detector's, not those of classes.
    outliers: bool,
}

/// How the norm is computed, of centers `c`.
#[derive(Debug)]
enum Form {
    /// `Σ (x - c)² / v`
    Scaled { centers: Vec<f64>, variances: Vec<f64> },
    /// `Σ (x / s - c)²`, of one `s` for all.
    Normal { centers: Vec<f64>, scale: Vec<f64> },
    /// `Σ (P (x - c) - o)²`, of a matrix for each.
    Projected { centers: Vec<f64>, projections: Vec<f64>, offsets: Vec<f64> },
    /// `a - 2 Σ x b + Σ x² p`
    Expanded { constants: Vec<f64>, linear: Vec<f64>, precisions: Vec<f64> },
    /// `(x - c) P (x - c)`
    Mahalanobis { centers: Vec<f64>, precisions: Vec<f64> },
}

impl Operate for Gaussians {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, outer) = (fields.count("features")?, fields.f64s("outer")?);
        let count = outer.len();
        if features == 0 || count == 0 {
            return fields.wrong("features", "at least one, of at least one distribution");
        }
        let each = |field: &str| fields.f64s_of(field, count.saturating_mul(features));
        let square = |field: &str| fields.f64s_of(field, count.saturating_mul(features).saturating_mul(features));
        let form = match fields.word("form")? {
            "scaled" => Form::Scaled { centers: each("centers")?, variances: each("variances")? },
            "normal" => Form::Normal { centers: each("centers")?, scale: fields.f64s_of("scale", features)? },
            "projected" => {
                Form::Projected { centers: each("centers")?, projections: square("projections")?, offsets: each("offsets")? }
            }
            "expanded" => Form::Expanded {
                constants: fields.f64s_of("constants", count)?,
                linear: each("linear")?,
                precisions: each("precisions")?,
            },
            "mahalanobis" => Form::Mahalanobis { centers: each("centers")?, precisions: square("precisions")? },
            _ => return fields.wrong("form", "a known word"),
        };
        let (factor, inner) = (fields.number("factor")?, fields.f64s_of("inner", count)?);
        Ok(Self { features, count, form, factor, inner, outer, outliers: fields.flag("outliers")? })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let mut scores = Matrix::zeros(x.rows, self.count);
        let mut room = vec![0.0; self.features];
        for (row, scores) in x.each_row().zip(scores.values.chunks_exact_mut(self.count)) {
            self.form.norms(row, scores, &mut room);
            for (score, (inner, outer)) in scores.iter_mut().zip(self.inner.iter().zip(&self.outer)) {
                *score = self.factor * (*score + inner) + outer;
            }
        }
        Ok(if self.outliers { Answer::inliers(scores) } else { Answer::most_likely(scores, wanted) })
    }
}

impl Form {
    fn norms(&self, row: &[f64], norms: &mut [f64], room: &mut [f64]) {
        let each = row.len();
        match self {
            Self::Scaled { centers, variances } => {
                let parts = centers.chunks_exact(each).zip(variances.chunks_exact(each));
                for (norm, (center, variances)) in norms.iter_mut().zip(parts) {
                    let terms = row.iter().zip(center.iter().zip(variances));
                    *norm = terms.map(|(x, (center, variance))| (x - center) * (x - center) / variance).sum();
                }
            }
            Self::Normal { centers, scale } => {
                room.iter_mut().zip(row.iter().zip(scale)).for_each(|(into, (x, scale))| *into = x / scale);
                for (norm, center) in norms.iter_mut().zip(centers.chunks_exact(each)) {
                    *norm = squared_distance(room, center);
                }
            }
            Self::Projected { centers, projections, offsets } => {
                let parts = projections.chunks_exact(each * each).zip(offsets.chunks_exact(each));
                for (norm, (center, (projection, offsets))) in norms.iter_mut().zip(centers.chunks_exact(each).zip(parts)) {
                    room.iter_mut().zip(row.iter().zip(center)).for_each(|(into, (x, center))| *into = x - center);
                    let along = projection.chunks_exact(each).zip(offsets).map(|(axis, offset)| dot(room, axis) - offset);
                    *norm = along.map(|along| along * along).sum();
                }
            }
            Self::Expanded { constants, linear, precisions } => {
                room.iter_mut().zip(row).for_each(|(into, x)| *into = x * x);
                let parts = linear.chunks_exact(each).zip(precisions.chunks_exact(each));
                for (norm, (constant, (linear, precisions))) in norms.iter_mut().zip(constants.iter().zip(parts)) {
                    *norm = constant - 2.0 * dot(row, linear) + dot(room, precisions);
                }
            }
            Self::Mahalanobis { centers, precisions } => {
                let parts = centers.chunks_exact(each).zip(precisions.chunks_exact(each * each));
                for (norm, (center, precision)) in norms.iter_mut().zip(parts) {
                    room.iter_mut().zip(row.iter().zip(center)).for_each(|(into, (x, center))| *into = x - center);
                    *norm = precision.chunks_exact(each).zip(room.iter()).map(|(axis, delta)| delta * dot(axis, room)).sum();
                }
            }
        }
    }
}
