//! `likeness`: sums of how alike a row is to points, times the points' coefficients. `SVR`, `NuSVR`, `OneClassSVM`, `KernelRidge`,
//! `GaussianProcessRegressor`.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    kernel::{Kernel, Room},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Likeness {
    features: usize,
    points: usize,
    kernel: Kernel,
    /// `[outputs, points]`
    coefficients: Vec<f64>,
    /// Of each output, what the sum is multiplied by, and what is added then.
    scale: Vec<f64>,
    shift: Vec<f64>,
    /// The one output tells outliers: the second class is above zero.
    outliers: bool,
}

impl Operate for Likeness {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, points) = (fields.count("features")?, fields.count("points")?);
        let (scale, coefficients) = (fields.f64s("scale")?, fields.f64s("coefficients")?);
        if points == 0 || scale.is_empty() || points.checked_mul(scale.len()) != Some(coefficients.len()) {
            return fields.wrong("coefficients", "[outputs, points]");
        }
        let shift = fields.f64s_of("shift", scale.len())?;
        let kernel = Kernel::read(fields.inner("kernel")?, features, points)?;
        Ok(Self { features, points, kernel, coefficients, scale, shift, outliers: fields.flag("outliers")? })
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let mut values = Matrix::zeros(x.rows, self.scale.len());
        let (mut likeness, mut room) = (vec![0.0; self.points], Room::default());
        for (row, into) in x.each_row().zip(values.each_row_mut()) {
            self.kernel.fill(row, &mut likeness, &mut room);
            let outputs = self.coefficients.chunks_exact(self.points).zip(self.scale.iter().zip(&self.shift));
            for (into, (coefficients, (scale, shift))) in into.iter_mut().zip(outputs) {
                let sum: f64 =
                    coefficients.iter().zip(&likeness).map(|(coefficient, likeness)| coefficient * likeness).sum();
                *into = sum * scale + shift;
            }
        }
        if !self.outliers {
            return Ok(Answer::values(values));
        }
        let labels = values.values.iter().map(|value| u32::from(*value > 0.0)).collect();
        Ok(Answer { prediction: Some(Prediction::Labels(labels)), decision: Some(values), probabilities: None })
    }
}
