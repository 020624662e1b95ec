//! Linear models in leaves: `linear_tree` of `LightGBM`.

use crate::{BadGraph, file::Fields};

#[derive(Debug)]
pub(crate) struct Linear {
    /// Of each leaf, where its coefficients start; one more than there are leaves.
    starts: Vec<u32>,
    columns: Vec<u32>,
    coefficients: Vec<f64>,
    constants: Vec<f64>,
}

impl Linear {
    pub(crate) fn read(fields: Fields<'_>, leaves: usize, columns: usize) -> Result<Self, BadGraph> {
        let read = Self {
            starts: fields.u32s("starts")?,
            columns: fields.u32s("columns")?,
            coefficients: fields.f64s("coefficients")?,
            constants: fields.f64s_of("constants", leaves)?,
        };
        let fits = read.starts.len() == leaves + 1
            && read.starts.is_sorted()
            && read.starts.last().is_some_and(|end| *end as usize == read.coefficients.len())
            && read.columns.len() == read.coefficients.len()
            && read.columns.iter().all(|column| (*column as usize) < columns);
        if fits { Ok(read) } else { fields.wrong("starts", "where the coefficients of each leaf start") }
    }

    /// What a leaf says of a row; nothing where a number is missing.
    pub(crate) fn value(&self, leaf: usize, row: &[f64]) -> Option<f64> {
        let range = self.starts[leaf] as usize..self.starts[leaf + 1] as usize;
        let mut value = self.constants[leaf];
        for (column, coefficient) in self.columns[range.clone()].iter().zip(&self.coefficients[range]) {
            let number = row[*column as usize];
            if number.is_nan() || number.is_infinite() {
                return None;
            }
            value += coefficient * number;
        }
        Some(value)
    }
}
