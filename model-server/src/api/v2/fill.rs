//! The elements of a tensor, from JSON or binary, checked against its datatype and put into the columns they are of.

use std::fmt;

use contract::{Column, ColumnType};
use scoring::{BadCell, Cell, Cells};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::{
    datatype::Datatype,
    element::{Element, Texts},
    grpc,
    request::{Data, Input},
};
use crate::api::decode;

/// Where a tensor's elements go, one after the other: to each column in turn, or all to the only one.
pub(super) struct Fill<'a> {
    columns: &'a [Column],
    cells: &'a mut [Cells],
    /// How many make a row.
    per_row: usize,
    datatype: Datatype,
    texts: Texts,
    /// The next element.
    at: usize,
    /// How many there must be.
    count: usize,
}

impl<'a> Fill<'a> {
    /// Reads all elements of a tensor.
    pub(super) fn all(
        input: &Input<'_>,
        (columns, cells): (&'a [Column], &'a mut [Cells]),
        (count, per_row): (usize, usize),
    ) -> Result<(), String> {
        let texts = Texts::of(input.content_type.as_deref());
        let mut fill = Fill { columns, cells, per_row: per_row.max(1), datatype: input.datatype, texts, at: 0, count };
        match input.data {
            Data::Json(json) => {
                let mut deserializer = serde_json::Deserializer::from_str(json.get());
                let read = Nested(&mut fill).deserialize(&mut deserializer);
                read.map_err(|error| decode::message(&error))?;
            }
            Data::Binary(bytes) => fill.binary(bytes)?,
            Data::Typed(contents) => grpc::each(contents, input.datatype, |element| fill.next(element))?,
        }
        if fill.at == count { Ok(()) } else { Err(fill.misfit()) }
    }

    fn misfit(&self) -> String {
        let name = self.columns.first().map(|column| column.name.as_str()).unwrap_or_default();
        format!("the tensor of {name:?} must have {} elements, as its shape says", self.count)
    }

    fn binary(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        if let Some(size) = self.datatype.size() {
            if Some(bytes.len()) != size.checked_mul(self.count) {
                return Err(self.misfit());
            }
            if self.at_once(bytes) {
                return Ok(());
            }
            for element in bytes.chunks_exact(size) {
                self.put(Element::of_bytes(self.datatype, element)).map_err(|error| error.to_string())?;
            }
            return Ok(());
        }
        let is_plain =
            self.texts == Texts::Plain && self.columns.iter().all(|column| column.column_type == ColumnType::String);
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (text, rest) = rest.split_at_checked(length).ok_or_else(|| self.misfit())?;
            let text = std::str::from_utf8(text).map_err(|_| "bytes that are not UTF-8");
            match (text, &mut *self.cells) {
                (Ok(text), [Cells::Text(cells)]) if is_plain && self.at < self.count => {
                    cells.push(text);
                    self.at += 1;
                }
                (text, _) => self.next(text.map(Element::Text))?,
            }
            bytes = rest;
        }
        if bytes.is_empty() { Ok(()) } else { Err(self.misfit()) }
    }

    /// Appends all elements, whose number is right, to a column that has them as they are; says whether it does.
    fn at_once(&mut self, bytes: &[u8]) -> bool {
        let ([column], [cells]) = (self.columns, &mut *self.cells) else { return false };
        let (elements, _) = bytes.as_chunks::<8>();
        match (self.datatype, column.column_type, cells) {
            (Datatype::Fp64, ColumnType::Double, Cells::Float(cells)) => {
                cells.extend(elements.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            }
            (Datatype::Int64, ColumnType::Long, Cells::Int(cells)) => {
                cells.extend(elements.iter().map(|bytes| Some(i64::from_le_bytes(*bytes))));
            }
            #[expect(clippy::cast_precision_loss, reason = "a whole number given for a double is rounded, as everywhere")]
            (Datatype::Int64, ColumnType::Double, Cells::Float(cells)) => {
                cells.extend(elements.iter().map(|bytes| i64::from_le_bytes(*bytes) as f64));
            }
            _ => return false,
        }
        self.at = self.count;
        true
    }

    /// Appends the next element, if there is to be one; or says what it is instead of one.
    fn next(&mut self, element: Result<Element<'_>, &'static str>) -> Result<(), String> {
        if self.at == self.count {
            return Err(self.misfit());
        }
        let put = match element {
            Ok(element) => self.put(element),
            Err(instead) => self.cell().refuse(instead),
        };
        put.map_err(|error| error.to_string())
    }

    /// The place of the next element.
    fn cell(&mut self) -> Cell<'_> {
        let column = self.at % self.columns.len();
        Cell { column: &self.columns[column], cells: &mut self.cells[column], row: self.at / self.per_row }
    }

    /// Appends the next element, if it is one of the datatype.
    fn put(&mut self, element: Element<'_>) -> Result<(), BadCell> {
        let (datatype, texts) = (self.datatype, self.texts);
        let cell = self.cell();
        element.put(cell, (datatype, texts))?;
        self.at += 1;
        Ok(())
    }
}

/// Elements, in lists of any depth.
struct Nested<'f, 'a>(&'f mut Fill<'a>);

impl<'de> DeserializeSeed<'de> for Nested<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Nested<'_, '_> {
    fn put<E: Error>(self, element: Element<'_>) -> Result<(), E> {
        if self.0.at == self.0.count {
            return Err(E::custom(self.0.misfit()));
        }
        self.0.put(element).map_err(E::custom)
    }
}

impl<'de> Visitor<'de> for Nested<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of elements")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(Element::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(Element::Whole(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(Element::Whole(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(Element::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(Element::Text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Element::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Nested(&mut *self.0))?.is_some() {}
        Ok(())
    }
}
