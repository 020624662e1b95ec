//! `check`: refuses numbers that the estimator behind it refuses. `sklearn.utils.validation.check_array`.

use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Check {
    /// NaN may pass.
    nan: bool,
    /// Whether the numbers must be within 32-bit floats, as trees cast them.
    single: bool,
}

impl Operate for Check {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        Ok(Self { nan: fields.flag("nan")?, single: fields.flag("single")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let values = match &x {
            Value::Dense(matrix) => &matrix.values,
            Value::Sparse(sparse) => &sparse.values,
            Value::Table(_) => return Err(Refused::misfit("columns instead of a matrix")),
        };
        let limit = if self.single { f64::from(f32::MAX) } else { f64::MAX };
        if values.iter().all(|value| value.abs() <= limit) {
            return Ok(x);
        }
        if !self.nan && values.iter().any(|value| value.is_nan()) {
            return Err(Refused::rows("a value is missing, where the model takes none"));
        }
        // Between the largest float and the middle to what would come after it, a double is rounded down.
        #[expect(clippy::cast_possible_truncation, reason = "the rounding is what is looked at")]
        let too_large = |value: &f64| if self.single { (*value as f32).is_infinite() } else { value.is_infinite() };
        if values.iter().any(too_large) {
            return Err(Refused::rows("a value is infinite, or too large for the model"));
        }
        Ok(x)
    }
}
