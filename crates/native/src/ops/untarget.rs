//! `untarget`: predictions of a transformed target, transformed back. `TransformedTargetRegressor`, and the inverses of
//! `FunctionTransformer`, `PowerTransformer`, `QuantileTransformer`.

use crate::{
    Answer, BadGraph, Matrix, Refused, Value, Wanted,
    file::Fields,
    operator::Operate,
    ops::{calibrate::straight, normal::cdf},
};

#[derive(Debug)]
pub(crate) struct Untarget {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// Of each number.
    Each(fn(f64) -> f64),
    /// Of each column, its λ.
    YeoJohnson(Vec<f64>),
    BoxCox(Vec<f64>),
    /// Of each column, its quantiles, all at these shares. `normal`: the numbers are of a normal distribution, not shares.
    Quantiles {
        shares: Vec<f64>,
        columns: Vec<Vec<f64>>,
        normal: bool,
    },
}

impl Operate for Untarget {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let steps = fields.inners("steps")?.into_iter().map(Step::read).collect::<Result<_, _>>()?;
        Ok(Self { steps })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let width = x.width();
        let mut x = x.into_dense(width)?;
        for step in &self.steps {
            step.apply(&mut x)?;
        }
        Ok(Value::Dense(x))
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let width = x.width();
        self.transform(x.clone())?.into_dense(width).map(Answer::values)
    }
}

impl Step {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        Ok(match fields.word("do")? {
            "exp" => Self::Each(f64::exp),
            "exp2" => Self::Each(f64::exp2),
            "expm1" => Self::Each(f64::exp_m1),
            "log" => Self::Each(f64::ln),
            "log10" => Self::Each(f64::log10),
            "log1p" => Self::Each(f64::ln_1p),
            "log2" => Self::Each(f64::log2),
            "sqrt" => Self::Each(f64::sqrt),
            "square" => Self::Each(|value| value * value),
            "cbrt" => Self::Each(f64::cbrt),
            "reciprocal" => Self::Each(f64::recip),
            "negative" => Self::Each(|value| -value),
            "sinh" => Self::Each(f64::sinh),
            "arcsinh" => Self::Each(f64::asinh),
            "yeo_johnson" => Self::YeoJohnson(fields.f64s("by")?),
            "box_cox" => Self::BoxCox(fields.f64s("by")?),
            "quantiles" => {
                let shares = fields.f64s("shares")?;
                let column = |fields: Fields<'_>| fields.f64s_of("at", shares.len());
                let columns = fields.inners("columns")?.into_iter().map(column).collect::<Result<_, _>>()?;
                if shares.is_empty() || shares.iter().any(|share| !share.is_finite()) || !shares.is_sorted() {
                    return fields.wrong("shares", "ascending numbers");
                }
                Self::Quantiles { shares, columns, normal: fields.flag("normal")? }
            }
            _ => return fields.wrong("do", "a known step"),
        })
    }

    fn apply(&self, x: &mut Matrix) -> Result<(), Refused> {
        let columns = match self {
            Self::Each(_) => x.width,
            Self::YeoJohnson(by) | Self::BoxCox(by) => by.len(),
            Self::Quantiles { columns, .. } => columns.len(),
        };
        if columns != x.width {
            return Err(Refused::misfit("another number of columns"));
        }
        for row in x.each_row_mut() {
            for (at, value) in row.iter_mut().enumerate() {
                *value = match self {
                    Self::Each(function) => function(*value),
                    Self::YeoJohnson(by) => yeo_johnson(*value, by[at]),
                    Self::BoxCox(by) => box_cox(*value, by[at]),
                    Self::Quantiles { .. } if value.is_nan() => *value,
                    Self::Quantiles { shares, columns, normal: false } => straight(shares, &columns[at], *value),
                    Self::Quantiles { shares, columns, .. } => of_normal(shares, &columns[at], cdf(*value)),
                };
            }
        }
        x.round();
        Ok(())
    }
}

/// `PowerTransformer._yeo_johnson_inverse_transform`.
fn yeo_johnson(x: f64, lambda: f64) -> f64 {
    match (x >= 0.0, lambda) {
        (true, lambda) if lambda.abs() < f64::EPSILON => x.exp() - 1.0,
        (true, lambda) => (x * lambda + 1.0).powf(1.0 / lambda) - 1.0,
        (false, lambda) if (lambda - 2.0).abs() > f64::EPSILON => {
            1.0 - (-(2.0 - lambda) * x + 1.0).powf(1.0 / (2.0 - lambda))
        }
        (false, _) => 1.0 - (-x).exp(),
    }
}

/// `scipy.special.inv_boxcox`.
fn box_cox(x: f64, lambda: f64) -> f64 {
    if lambda == 0.0 { x.exp() } else { ((lambda * x).ln_1p() / lambda).exp() }
}

/// `QuantileTransformer._transform_col`: what is within 10⁻⁷ of a bound is taken for it.
fn of_normal(shares: &[f64], quantiles: &[f64], share: f64) -> f64 {
    let to = if share - 1e-7 < 0.0 {
        0.0
    } else if share + 1e-7 > 1.0 {
        1.0
    } else {
        share
    };
    straight(shares, quantiles, to)
}
