//! The elements of a tensor, from JSON or binary, checked against its datatype and put into the columns they are of.

use std::fmt;

use contract::Column;
use scoring::{BadCell, Cell, Cells};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;

use super::{
    datatype::{Datatype, from_half, to_half},
    request::{Data, Input},
};
use crate::api::decode;

/// What the texts of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    /// Themselves.
    Plain,
    /// Base64, where they can be.
    Base64,
    /// JSON each, of any type.
    Json,
}

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

/// An element as it was sent.
#[derive(Clone, Copy)]
enum Element<'e> {
    Missing,
    Bool(bool),
    Whole(i128),
    Number(f64),
    Text(&'e str),
}

impl<'a> Fill<'a> {
    /// Reads all elements of a tensor.
    pub(super) fn all(
        input: &Input<'_>,
        (columns, cells): (&'a [Column], &'a mut [Cells]),
        (count, per_row): (usize, usize),
    ) -> Result<(), String> {
        let texts = match input.content_type.as_deref() {
            Some("base64") => Texts::Base64,
            Some("pd_json") => Texts::Json,
            _ => Texts::Plain,
        };
        let mut fill = Fill { columns, cells, per_row: per_row.max(1), datatype: input.datatype, texts, at: 0, count };
        match input.data {
            Data::Json(json) => {
                let mut deserializer = serde_json::Deserializer::from_str(json.get());
                let read = Nested(&mut fill).deserialize(&mut deserializer);
                read.map_err(|error| decode::message(&error))?;
            }
            Data::Binary(bytes) => fill.binary(bytes)?,
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
            for element in bytes.chunks_exact(size) {
                self.put(self.element(element)).map_err(|error| error.to_string())?;
            }
            return Ok(());
        }
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (text, rest) = rest.split_at_checked(length).ok_or_else(|| self.misfit())?;
            if self.at == self.count {
                return Err(self.misfit());
            }
            let put = match std::str::from_utf8(text) {
                Ok(text) => self.put(Element::Text(text)),
                Err(_) => self.cell().refuse("bytes that are not UTF-8"),
            };
            put.map_err(|error| error.to_string())?;
            bytes = rest;
        }
        if bytes.is_empty() { Ok(()) } else { Err(self.misfit()) }
    }

    /// An element of its datatype's length.
    fn element(&self, bytes: &[u8]) -> Element<'static> {
        // Little-endian.
        let bits = bytes.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let unused = 64 - 8 * u32::try_from(bytes.len()).unwrap_or(8);
        match self.datatype {
            Datatype::Bool => Element::Bool(bits != 0),
            Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 | Datatype::Uint64 => Element::Whole(bits.into()),
            Datatype::Int8 | Datatype::Int16 | Datatype::Int32 | Datatype::Int64 => {
                // The sign is the highest bit of those that are used.
                Element::Whole(((bits << unused).cast_signed() >> unused).into())
            }
            Datatype::Fp16 => Element::Number(from_half(u16::try_from(bits).unwrap_or_default())),
            Datatype::Fp32 => Element::Number(f32::from_bits(u32::try_from(bits).unwrap_or_default()).into()),
            Datatype::Fp64 => Element::Number(f64::from_bits(bits)),
            Datatype::Bytes => Element::Missing,
        }
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
        match element {
            Element::Missing => cell.missing(),
            Element::Text(text) if datatype == Datatype::Bytes => put_text(cell, texts, text),
            Element::Text(_) => cell.refuse("text"),
            _ if datatype == Datatype::Bytes => cell.refuse("what is no text"),
            Element::Bool(value) if datatype == Datatype::Bool => cell.bool(value),
            Element::Bool(value) => put_whole(cell, datatype, value.into()),
            Element::Whole(value) => put_whole(cell, datatype, value),
            Element::Number(value) => put_number(cell, datatype, value),
        }?;
        self.at += 1;
        Ok(())
    }
}

fn put_whole(cell: Cell<'_>, datatype: Datatype, value: i128) -> Result<(), BadCell> {
    match datatype.range() {
        Some((least, greatest)) if (least..=greatest).contains(&value) => match (i64::try_from(value), u64::try_from(value))
        {
            (Ok(value), _) => cell.int(value),
            (Err(_), Ok(value)) => cell.unsigned(value),
            (Err(_), Err(_)) => cell.refuse("a larger one"),
        },
        Some(_) => cell.refuse("one that its datatype does not have"),
        None if datatype == Datatype::Bool && (0..=1).contains(&value) => cell.bool(value == 1),
        None if datatype == Datatype::Bool => cell.refuse("a number"),
        #[expect(clippy::cast_precision_loss, reason = "a whole number given for a fraction is rounded, as everywhere")]
        None => put_number(cell, datatype, value as f64),
    }
}

fn put_number(cell: Cell<'_>, datatype: Datatype, value: f64) -> Result<(), BadCell> {
    let rounded = match datatype {
        Datatype::Fp16 => to_half(value),
        #[expect(clippy::cast_possible_truncation, reason = "that is what the datatype says")]
        Datatype::Fp32 => f64::from(value as f32),
        Datatype::Fp64 => value,
        #[expect(clippy::cast_possible_truncation, reason = "whole, and what is too large is out of every range")]
        _ if value.fract() == 0.0 => return put_whole(cell, datatype, value as i128),
        _ => return cell.refuse("a fraction"),
    };
    if rounded.is_infinite() && value.is_finite() {
        return cell.refuse("one that its datatype does not have");
    }
    cell.float(rounded)
}

fn put_text(cell: Cell<'_>, texts: Texts, text: &str) -> Result<(), BadCell> {
    match texts {
        Texts::Plain => cell.text(text),
        Texts::Base64 => match base64_text(text) {
            Some(Ok(decoded)) => cell.text(&decoded),
            Some(Err(())) => cell.refuse("bytes that are not UTF-8"),
            // As MLServer does.
            None => cell.text(text),
        },
        Texts::Json => match serde_json::from_str(text) {
            Ok(Value::Null) => cell.missing(),
            Ok(Value::Bool(value)) => cell.bool(value),
            Ok(Value::String(text)) => cell.text(&text),
            Ok(Value::Number(number)) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => cell.int(value),
                (None, Some(value), _) => cell.unsigned(value),
                (None, None, Some(value)) => cell.float(value),
                (None, None, None) => cell.refuse("a number that is none"),
            },
            Ok(Value::Array(_) | Value::Object(_)) => cell.refuse("a list or an object"),
            Err(_) => cell.refuse("what is not JSON"),
        },
    }
}

/// What a text is in Base64; none if it is not.
fn base64_text(text: &str) -> Option<Result<String, ()>> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).ok().map(|bytes| String::from_utf8(bytes).map_err(|_| ()))
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
