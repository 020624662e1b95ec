//! `interpolate`: straight lines between known points. `IsotonicRegression`.

use crate::{Answer, BadGraph, Matrix, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Interpolate {
    at: Vec<f64>,
    values: Vec<f64>,
    outside: Outside,
}

/// What is said beyond the points.
#[derive(Debug, Clone, Copy)]
enum Outside {
    Nan,
    Nearest,
    Refused,
}

impl Operate for Interpolate {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let at = fields.f64s("at")?;
        let values = fields.f64s_of("values", at.len())?;
        if at.is_empty() || !at.is_sorted() {
            return fields.wrong("at", "ascending numbers");
        }
        let outside = match fields.word("outside")? {
            "nan" => Outside::Nan,
            "nearest" => Outside::Nearest,
            "refused" => Outside::Refused,
            _ => return fields.wrong("outside", "a known word"),
        };
        Ok(Self { at, values, outside })
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let mut x: Matrix = x.dense(1)?.into_owned();
        let (first, last) = (self.at[0], self.at[self.at.len() - 1]);
        for value in &mut x.values {
            let beyond = self.at.len() > 1 && (*value < first || *value > last);
            *value = match self.outside {
                Outside::Refused if beyond => return Err(Refused::rows("a number is beyond those of training")),
                Outside::Nan if beyond => f64::NAN,
                _ => interpolate(*value, &self.at, &self.values),
            };
        }
        Ok(Answer::values(x))
    }
}

/// `numpy.interp` of one number between ascending points, which are as many as their values and not none.
#[expect(clippy::float_cmp, reason = "numpy looks for the very point, too")]
pub(crate) fn interpolate(x: f64, at: &[f64], values: &[f64]) -> f64 {
    if x.is_nan() {
        return x;
    }
    let Some(below) = at.partition_point(|at| *at <= x).checked_sub(1) else { return values[0] };
    if below + 1 == at.len() || at[below] == x {
        return values[below];
    }
    let slope = (values[below + 1] - values[below]) / (at[below + 1] - at[below]);
    let value = slope * (x - at[below]) + values[below];
    if !value.is_nan() {
        return value;
    }
    let value = slope * (x - at[below + 1]) + values[below + 1];
    if value.is_nan() && values[below] == values[below + 1] { values[below] } else { value }
}
