//! One value, checked against its column and appended to it.

use std::fmt;

use contract::{Column, ColumnType};
use jiff::{Timestamp, civil::DateTime};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::batch::Cells;

/// The largest whole number up to which every whole number is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends the next value to a column.
pub(super) struct Cell<'a> {
    pub(super) column: &'a Column,
    pub(super) cells: &'a mut Cells,
    /// From 0, for messages.
    pub(super) row: usize,
}

impl Cell<'_> {
    fn refuse<T, E: Error>(&self, found: &str) -> Result<T, E> {
        let Column { name, .. } = self.column;
        Err(E::custom(format_args!(
            "column {name:?}, row {} (from 0): expected {}, found {found}",
            self.row,
            self.expected()
        )))
    }

    fn expected(&self) -> &'static str {
        match self.column.column_type {
            ColumnType::Boolean => "true or false",
            ColumnType::Integer => "a whole number of 32 bits",
            ColumnType::Long => "a whole number of 64 bits",
            ColumnType::Float | ColumnType::Double => "a number",
            ColumnType::String => "text",
            ColumnType::Datetime => "a time as RFC 3339 text",
        }
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self.cells {
            Cells::Bool(cells) => cells.push(Some(value)),
            _ => return self.refuse("true or false"),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        match self.cells {
            Cells::Int(_) if self.column.column_type == ColumnType::Integer && i32::try_from(value).is_err() => {
                return self.refuse("a larger one");
            }
            Cells::Int(cells) => cells.push(Some(value)),
            #[expect(clippy::cast_precision_loss, reason = "a whole number given for a double is rounded, as everywhere")]
            Cells::Float(cells) => cells.push(value as f64),
            // MLflow takes 0 and 1 for booleans.
            Cells::Bool(cells) if value == 0 || value == 1 => cells.push(Some(value == 1)),
            _ => return self.refuse("a number"),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.cells {
            #[expect(clippy::cast_possible_truncation, reason = "the narrowing is what is checked")]
            Cells::Float(_) if self.column.column_type == ColumnType::Float && (value as f32).is_infinite() => {
                self.refuse("one beyond 32-bit floating point")
            }
            Cells::Float(cells) => {
                cells.push(value);
                Ok(())
            }
            #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
            Cells::Int(_) if value.fract() == 0.0 && value.abs() <= EXACT => self.visit_i64(value as i64),
            Cells::Int(_) => self.refuse("a fraction, or a larger one"),
            _ => self.refuse("a number"),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if self.column.column_type == ColumnType::Datetime
            && value.parse::<Timestamp>().is_err()
            && value.parse::<DateTime>().is_err()
        {
            return self.refuse("other text");
        }
        match self.cells {
            Cells::Text(cells) => cells.push(value),
            _ => return self.refuse("text"),
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.cells {
            Cells::Float(cells) => cells.push(f64::NAN),
            _ if self.column.nullable || !self.column.required => self.cells.push_missing(),
            _ => return self.refuse("null"),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.refuse("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.refuse("an object")
    }
}
