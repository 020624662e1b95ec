//! `scale`: a number taken from each column, and each column divided or multiplied by one, in the scaler's own order.
//! `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler`, `RobustScaler`.

use crate::{BadGraph, Refused, Sparse, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Scale {
    width: usize,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Subtract(Vec<f64>),
    Add(Vec<f64>),
    Divide(Vec<f64>),
    Multiply(Vec<f64>),
    /// Between the first and the second.
    Clip(f64, f64),
}

impl Operate for Scale {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let width = fields.count("width")?;
        let step = |fields: Fields<'_>| {
            let by = || fields.f64s_of("by", width);
            Ok(match fields.word("do")? {
                "subtract" => Step::Subtract(by()?),
                "add" => Step::Add(by()?),
                "divide" => Step::Divide(by()?),
                "multiply" => Step::Multiply(by()?),
                "clip" => Step::Clip(fields.number("low")?, fields.number("high")?),
                _ => return fields.wrong("do", "a known step"),
            })
        };
        let steps = fields.inners("steps")?.into_iter().map(step).collect::<Result<_, _>>()?;
        Ok(Self { width, steps })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        if let Value::Sparse(sparse) = x {
            return self.sparse(sparse).map(Value::Sparse);
        }
        let mut x = x.into_dense(self.width)?;
        for step in &self.steps {
            let mut each = |by: &[f64], f: fn(f64, f64) -> f64| {
                for row in x.each_row_mut() {
                    row.iter_mut().zip(by).for_each(|(value, by)| *value = f(*value, *by));
                }
            };
            match step {
                Step::Subtract(by) => each(by, |value, by| value - by),
                Step::Add(by) => each(by, |value, by| value + by),
                Step::Divide(by) => each(by, |value, by| value / by),
                Step::Multiply(by) => each(by, |value, by| value * by),
                Step::Clip(low, high) => x.values.iter_mut().for_each(|value| *value = clip(*value, *low, *high)),
            }
            x.round();
        }
        Ok(Value::Dense(x))
    }
}

impl Scale {
    /// What is zero stays so: nothing may be added.
    fn sparse(&self, mut x: Sparse) -> Result<Sparse, Refused> {
        if x.width != self.width {
            return Err(Refused::misfit(format!("{} columns instead of {}", x.width, self.width)));
        }
        for step in &self.steps {
            let cells = x.values.iter_mut().zip(&x.columns);
            match step {
                Step::Divide(by) => cells.for_each(|(value, at)| *value /= by[*at as usize]),
                Step::Multiply(by) => cells.for_each(|(value, at)| *value *= by[*at as usize]),
                Step::Clip(low, high) => cells.for_each(|(value, _)| *value = clip(*value, *low, *high)),
                Step::Subtract(_) | Step::Add(_) => return Err(Refused::misfit("sparse numbers, where some are added")),
            }
        }
        Ok(x)
    }
}

/// As numpy's: a NaN stays.
fn clip(value: f64, low: f64, high: f64) -> f64 {
    if value.is_nan() { value } else { value.max(low).min(high) }
}
