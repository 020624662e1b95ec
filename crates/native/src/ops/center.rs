//! `center`: a kernel matrix as if the points were centered. `KernelCenterer`.

use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Center {
    /// The means of the fitted matrix's columns.
    means: Vec<f64>,
    /// Its mean.
    all: f64,
}

impl Operate for Center {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        Ok(Self { means: fields.f64s("means")?, all: fields.number("all")? })
    }

    #[expect(clippy::cast_precision_loss, reason = "a count")]
    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = x.into_dense(self.means.len())?;
        let count = self.means.len() as f64;
        for row in x.each_row_mut() {
            let mean = row.iter().sum::<f64>() / count;
            row.iter_mut().zip(&self.means).for_each(|(value, fitted)| *value = *value - fitted - mean + self.all);
        }
        Ok(Value::Dense(x))
    }
}
