//! `iterate`: missing numbers predicted from the others of their row, column by column, several times over. `IterativeImputer`.

use super::impute;
use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Iterate {
    /// What counts as missing; NaN for NaN.
    missing: f64,
    /// Of each column, what is put in at first; NaN for a column that is left out.
    fill: Vec<f64>,
    /// The columns that are followed by whether they were missing.
    indicator: Vec<usize>,
    steps: Vec<Step>,
}

/// The places are among the columns that are not left out.
#[derive(Debug)]
struct Step {
    column: usize,
    from: Vec<usize>,
    low: f64,
    high: f64,
    then: Operator,
}

impl Operate for Iterate {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (fill, indicator) = (fields.f64s("fill")?, fields.counts("indicator")?);
        let kept = fill.iter().filter(|fill| !fill.is_nan()).count();
        let listed = fields.inners("steps")?;
        let (lows, highs) = (fields.f64s_of("low", listed.len())?, fields.f64s_of("high", listed.len())?);
        if indicator.iter().any(|at| *at >= fill.len()) {
            return fields.wrong("indicator", "places of columns");
        }
        let step = |(fields, (low, high)): (Fields<'_>, (f64, f64))| {
            let (column, from, then) = (fields.count("column")?, fields.counts("from")?, fields.operator("then")?);
            if column >= kept || from.iter().any(|at| *at >= kept) || from.is_empty() {
                return fields.wrong("from", "places of columns");
            }
            Ok(Step { column, from, low, high, then })
        };
        let steps = listed.into_iter().zip(lows.into_iter().zip(highs)).map(step).collect::<Result<_, _>>()?;
        let missing = if fields.has("missing") { fields.number("missing")? } else { f64::NAN };
        Ok(Self { missing, fill, indicator, steps })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.into_dense(self.fill.len())?;
        let mut gone = Vec::with_capacity(x.values.len());
        let mut filled = Vec::with_capacity(x.values.len());
        for row in x.each_row() {
            for (value, fill) in row.iter().zip(&self.fill).filter(|(_, fill)| !fill.is_nan()) {
                let missing = impute::is(self.missing, *value);
                gone.push(missing);
                filled.push(if missing { *fill } else { *value });
            }
        }
        let width = self.fill.iter().filter(|fill| !fill.is_nan()).count();
        let mut filled = Matrix { rows: x.rows, width, values: filled, single: false };
        // As the library: where there is nothing to predict from, in any row, nothing is predicted.
        if !gone.iter().all(|gone| *gone) {
            self.steps.iter().try_for_each(|step| step.run(&gone, &mut filled))?;
        }
        Ok(Value::Dense(impute::indicated(filled, &x, &self.indicator, self.missing)))
    }
}

impl Step {
    fn run(&self, gone: &[bool], filled: &mut Matrix) -> Result<(), Refused> {
        let width = filled.width;
        let rows: Vec<usize> = (0..filled.rows).filter(|row| gone[row * width + self.column]).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(rows.len() * self.from.len());
        for row in &rows {
            values.extend(self.from.iter().map(|at| filled.values[row * width + at]));
        }
        let x = Value::Dense(Matrix { rows: rows.len(), width: self.from.len(), values, single: false });
        let Answer { prediction: Some(Prediction::Values(said)), .. } = self.then.answer(&x, Wanted::PREDICTION)? else {
            return Err(Refused::misfit("labels, where numbers are put in"));
        };
        if said.values.len() != rows.len() {
            return Err(Refused::misfit("several numbers, where one is put in"));
        }
        for (row, value) in rows.iter().zip(said.values) {
            let value = if value < self.low { self.low } else { value };
            filled.values[row * width + self.column] = if value > self.high { self.high } else { value };
        }
        Ok(())
    }
}
