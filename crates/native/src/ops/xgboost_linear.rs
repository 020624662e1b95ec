//! `xgboost_linear`: a linear model in 32-bit floats, added up column by column. `gblinear` of `XGBoost`.

use crate::{BadGraph, Explained, Explanation, Matrix, Refused, Value, explain::Traced, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct XgboostLinear {
    columns: usize,
    start: Vec<f64>,
    /// `[columns, outputs]`
    weights: Vec<f64>,
    /// The number that stands for a missing one, besides NaN. What is missing adds nothing.
    missing: f64,
}

impl Operate for XgboostLinear {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (columns, start) = (fields.count("columns")?, fields.f64s("start")?);
        let weights = fields.f64s_of("weights", columns.saturating_mul(start.len()))?;
        if start.is_empty() {
            return fields.wrong("start", "a number for each output");
        }
        let missing = if fields.has("missing") { fields.number("missing")? } else { f64::NAN };
        Ok(Self { columns, start, weights, missing })
    }

    #[expect(clippy::float_cmp, reason = "one number stands for what is missing")]
    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.dense(self.columns)?;
        let outputs = self.start.len();
        let mut sums = Matrix::zeros(x.rows, outputs);
        sums.single = true;
        for (row, sums) in sums.values.chunks_exact_mut(outputs).enumerate() {
            sums.copy_from_slice(&self.start);
            let row = &x.values[row * self.columns..(row + 1) * self.columns];
            for (value, weights) in row.iter().map(|value| float(*value)).zip(self.weights.chunks_exact(outputs)) {
                if value.is_infinite() {
                    return Err(Refused::rows("a value is infinite, or too large for the model"));
                }
                if !value.is_nan() && value != self.missing {
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum = float(*sum + float(value * weight)));
                }
            }
        }
        Ok(Value::Dense(sums))
    }

    #[expect(clippy::float_cmp, reason = "one number stands for what is missing")]
    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        let mut made = Explanation::new(Explained::Scores, self.start.clone(), (x.value.rows(), columns))?;
        for (row, values) in x.value.dense(self.columns)?.each_row().enumerate() {
            let weights = self.weights.chunks_exact(self.start.len());
            for ((value, weights), origin) in values.iter().map(|value| float(*value)).zip(weights).zip(&x.origins) {
                if !value.is_nan() && value != self.missing {
                    let outputs = made.cell(row, *origin).iter_mut().zip(weights);
                    outputs.for_each(|(output, weight)| *output += value * weight);
                }
            }
        }
        Ok(made)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
fn float(value: f64) -> f64 {
    f64::from(value as f32)
}
