//! One value, checked against its column and appended to it.

use contract::{Column, ColumnType};
use jiff::{Timestamp, civil::DateTime};

use crate::Cells;

/// The largest whole number up to which every whole number is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value that its column cannot take, or one that is missing. It names the column, the row and what was expected; never
/// the value itself, which is somebody's data.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadCell(pub(crate) String);

/// The place of the next value of a column. Whatever a protocol calls its types, values come in through here.
#[derive(Debug)]
pub struct Cell<'a> {
    /// What the value must be.
    pub column: &'a Column,
    /// What it is appended to: the column's cells so far.
    pub cells: &'a mut Cells,
    /// From 0, for messages.
    pub row: usize,
}

impl Cell<'_> {
    /// The error for a value of a kind that the column cannot take.
    pub fn refuse<T>(&self, found: &str) -> Result<T, BadCell> {
        let Column { name, .. } = self.column;
        Err(BadCell(format!("column {name:?}, row {} (from 0): expected {}, found {found}", self.row, self.expected())))
    }

    /// A value of a kind that the column cannot take: an error, but as good as none where the model does not look at the column.
    pub fn misfit(self, found: &str) -> Result<(), BadCell> {
        if self.column.required {
            return self.refuse(found);
        }
        self.cells.push_missing();
        Ok(())
    }

    /// What the column takes, in words.
    pub fn expected(&self) -> &'static str {
        match self.column.column_type {
            ColumnType::Boolean => "true or false",
            ColumnType::Integer => "a whole number of 32 bits",
            ColumnType::Long => "a whole number of 64 bits",
            ColumnType::Float | ColumnType::Double => "a number",
            ColumnType::String => "text",
            ColumnType::Datetime => "a time as RFC 3339 text",
        }
    }

    /// Appends a truth value.
    pub fn bool(self, value: bool) -> Result<(), BadCell> {
        match self.cells {
            Cells::Bool(cells) => cells.push(Some(value)),
            _ => return self.misfit("true or false"),
        }
        Ok(())
    }

    /// Appends a whole number.
    pub fn int(self, value: i64) -> Result<(), BadCell> {
        match self.cells {
            Cells::Int(_) if self.column.column_type == ColumnType::Integer && i32::try_from(value).is_err() => {
                return self.misfit("a larger one");
            }
            Cells::Int(cells) => cells.push(Some(value)),
            #[expect(clippy::cast_precision_loss, reason = "a whole number given for a double is rounded, as everywhere")]
            Cells::Float(cells) => cells.push(value as f64),
            // MLflow takes 0 and 1 for booleans.
            Cells::Bool(cells) if value == 0 || value == 1 => cells.push(Some(value == 1)),
            _ => return self.misfit("a number"),
        }
        Ok(())
    }

    /// Appends a whole number that may be beyond [`i64`].
    pub fn unsigned(self, value: u64) -> Result<(), BadCell> {
        match i64::try_from(value) {
            Ok(value) => self.int(value),
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            Err(_) => self.float(value as f64),
        }
    }

    /// Appends a number.
    pub fn float(self, value: f64) -> Result<(), BadCell> {
        match self.cells {
            #[expect(clippy::cast_possible_truncation, reason = "the narrowing is what is checked")]
            Cells::Float(_) if self.column.column_type == ColumnType::Float && (value as f32).is_infinite() => {
                self.misfit("one beyond 32-bit floating point")
            }
            Cells::Float(cells) => {
                cells.push(value);
                Ok(())
            }
            #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
            Cells::Int(_) if value.fract() == 0.0 && value.abs() <= EXACT => self.int(value as i64),
            Cells::Int(_) => self.misfit("a fraction, or a larger one"),
            _ => self.misfit("a number"),
        }
    }

    /// Appends a text.
    pub fn text(self, value: &str) -> Result<(), BadCell> {
        if self.column.column_type == ColumnType::Datetime
            && value.parse::<Timestamp>().is_err()
            && value.parse::<DateTime>().is_err()
        {
            return self.misfit("other text");
        }
        match self.cells {
            Cells::Text(cells) => cells.push(value),
            _ => return self.misfit("text"),
        }
        Ok(())
    }

    /// Appends a missing value.
    pub fn missing(self) -> Result<(), BadCell> {
        match self.cells {
            Cells::Float(cells) => cells.push(f64::NAN),
            _ if self.column.nullable || !self.column.required => self.cells.push_missing(),
            _ => return self.refuse("null"),
        }
        Ok(())
    }
}
