//! `power`: each column bent by a power of its own. `PowerTransformer`, before its standardisation.

use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Power {
    lambdas: Vec<f64>,
    positive: bool,
}

impl Operate for Power {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let positive = match fields.word("method")? {
            "yeo-johnson" => false,
            "box-cox" => true,
            _ => return fields.wrong("method", "a known word"),
        };
        Ok(Self { lambdas: fields.f64s("lambdas")?, positive })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = x.into_dense(self.lambdas.len())?;
        if self.positive && x.values.iter().any(|value| *value <= 0.0) {
            return Err(Refused::rows("a number is not positive, where the model takes positive ones only"));
        }
        let bend = if self.positive { box_cox } else { yeo_johnson };
        for row in x.each_row_mut() {
            row.iter_mut().zip(&self.lambdas).for_each(|(value, lambda)| *value = bend(*value, *lambda));
        }
        Ok(Value::Dense(x))
    }
}

/// `scipy.stats.yeojohnson`.
fn yeo_johnson(x: f64, lambda: f64) -> f64 {
    if x >= 0.0 {
        if lambda.abs() < f64::EPSILON { x.ln_1p() } else { (lambda * x.ln_1p()).exp_m1() / lambda }
    } else if (lambda - 2.0).abs() > f64::EPSILON {
        -((2.0 - lambda) * (-x).ln_1p()).exp_m1() / (2.0 - lambda)
    } else {
        -(-x).ln_1p()
    }
}

/// `scipy.special.boxcox`.
fn box_cox(x: f64, lambda: f64) -> f64 {
    let product = lambda * x.ln();
    if lambda.abs() < 1e-19 {
        x.ln()
    } else if product < 709.78 {
        product.exp_m1() / lambda
    } else {
        1.0_f64.copysign(lambda) * (product - lambda.abs().ln()).exp() - 1.0 / lambda
    }
}
