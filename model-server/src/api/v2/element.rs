//! One element of a tensor, and the cell that it becomes.

use scoring::{BadCell, Cell};
use serde_json::Value;

use super::{
    datatype::Datatype,
    half::{from_half, to_half},
};

/// What the texts of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// Themselves.
    Plain,
    /// Base64, where they can be.
    Base64,
    /// JSON each, of any type.
    Json,
}

impl Texts {
    pub(super) fn of(content_type: Option<&str>) -> Self {
        match content_type {
            Some("base64") => Self::Base64,
            Some("pd_json") => Self::Json,
            _ => Self::Plain,
        }
    }
}

/// An element as it was sent.
#[derive(Clone, Copy)]
pub(super) enum Element<'e> {
    Missing,
    Bool(bool),
    Whole(i128),
    Number(f64),
    Text(&'e str),
}

impl Element<'_> {
    /// An element of its datatype's length.
    pub(super) fn of_bytes(datatype: Datatype, bytes: &[u8]) -> Self {
        // Little-endian.
        let bits = bytes.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let unused = 64 - 8 * u32::try_from(bytes.len()).unwrap_or(8);
        match datatype {
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

    /// Appends it, if it is one of the datatype.
    pub(super) fn put(self, cell: Cell<'_>, (datatype, texts): (Datatype, Texts)) -> Result<(), BadCell> {
        match self {
            Element::Missing => cell.missing(),
            Element::Text(text) if datatype == Datatype::Bytes => put_text(cell, texts, text),
            Element::Text(_) => cell.refuse("text"),
            _ if datatype == Datatype::Bytes => cell.refuse("what is no text"),
            Element::Bool(value) if datatype == Datatype::Bool => cell.bool(value),
            Element::Bool(value) => put_whole(cell, datatype, value.into()),
            Element::Whole(value) => put_whole(cell, datatype, value),
            Element::Number(value) => put_number(cell, datatype, value),
        }
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
