//! `take`: some of the columns, in an order. The selectors of `sklearn.feature_selection`.

use super::join;
use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Take {
    width: usize,
    /// Ascending.
    columns: Vec<usize>,
}

impl Operate for Take {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (width, columns) = (fields.count("width")?, fields.counts("columns")?);
        if columns.last().is_some_and(|last| *last >= width) || !columns.is_sorted_by(|a, b| a < b) {
            return fields.wrong("columns", "ascending places of columns");
        }
        Ok(Self { width, columns })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        if x.width() != self.width {
            return Err(Refused::misfit(format!("{} columns instead of {}", x.width(), self.width)));
        }
        if self.columns.len() == self.width { Ok(x) } else { join::take(&x, &self.columns) }
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        self.columns.iter().map(|at| of.get(*at).copied()).collect()
    }
}
