//! `matrix`: columns as one matrix of numbers, as `numpy.asarray` makes it.

use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct AsMatrix {
    width: usize,
    /// Whether it is one of 32-bit floats.
    single: bool,
}

impl Operate for AsMatrix {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        Ok(Self { width: fields.count("width")?, single: fields.flag("single")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut matrix = x.into_dense(self.width)?;
        matrix.single = self.single;
        matrix.round();
        Ok(Value::Dense(matrix))
    }
}
