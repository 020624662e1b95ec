//! `chi2_map`: samples of the Fourier transform of the additive chi-squared kernel. `AdditiveChi2Sampler`.

use std::f64::consts::PI;

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

/// So many columns may come out: more than any other operator, this one makes of few.
const LARGEST: usize = 1 << 14;

#[derive(Debug)]
pub(crate) struct Chi2Map {
    width: usize,
    interval: f64,
    /// The hyperbolic cosine of π × place × interval, of each sample but the first.
    cosh: Vec<f64>,
}

impl Operate for Chi2Map {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (width, samples, interval) = (fields.count("width")?, fields.count("samples")?, fields.number("interval")?);
        if samples == 0 || samples.saturating_mul(2 * width) > LARGEST {
            return fields.wrong("samples", "at least 1, and not too many");
        }
        #[expect(clippy::cast_precision_loss, reason = "a place is small")]
        let cosh = (1..samples).map(|place| (PI * place as f64 * interval).cosh()).collect();
        Ok(Self { width, interval, cosh })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let sparse = matches!(x, Value::Sparse(_));
        let x = x.dense(self.width)?;
        if x.values.iter().any(|value| *value < 0.0) {
            return Err(Refused::rows("a number is negative, where the model takes none"));
        }
        let width = self.width * (2 * self.cosh.len() + 1);
        let mut made = Matrix::zeros(x.rows, width);
        for (row, into) in x.each_row().zip(made.values.chunks_exact_mut(width.max(1))) {
            for (at, value) in row.iter().enumerate().filter(|(_, value)| value.abs() > 0.0) {
                into[at] = (value * self.interval).sqrt();
                let (log, twice) = (self.interval * value.ln(), 2.0 * value * self.interval);
                let mut place = 0.0;
                for (block, cosh) in self.cosh.iter().enumerate() {
                    place += 1.0;
                    let factor = (twice / cosh).sqrt();
                    into[(2 * block + 1) * self.width + at] = factor * (place * log).cos();
                    into[(2 * block + 2) * self.width + at] = factor * (place * log).sin();
                }
            }
        }
        Ok(if sparse { Value::Sparse(made.into_sparse()) } else { Value::Dense(made) })
    }
}
