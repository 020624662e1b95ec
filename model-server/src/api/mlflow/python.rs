//! JSON as Python's `json.dumps` writes it: with spaces, in ASCII, numbers as Python shows them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{
    Serializer, Value,
    ser::{CharEscape, Formatter},
};

/// A value that was JSON before.
pub(super) fn value(json: &mut Vec<u8>, value: &Value) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(json, Python))?)
}

/// A number. Python's JSON has NaN and infinities.
pub(super) fn number(json: &mut (impl Write + ?Sized), value: f64) -> io::Result<()> {
    if value.is_nan() {
        return json.write_all(b"NaN");
    }
    if value.is_infinite() {
        return json.write_all(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    // Rust shows a number with the same digits, and with an exponent in the same cases.
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => json.write_all(text.as_bytes()),
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            write!(json, "{digits}e{sign}{exponent:0>2}")
        }
    }
}

/// A list, each item written by itself.
pub(super) fn list<T>(
    json: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> io::Result<()>,
) -> io::Result<()> {
    json.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            json.extend_from_slice(b", ");
        }
        write(json, item)?;
    }
    json.push(b']');
    Ok(())
}

struct Python;

impl Python {
    fn separate<W: Write + ?Sized>(writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for Python {
    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        number(writer, value)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::separate(writer, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if character.is_ascii() && character != '\u{7f}' {
                write!(writer, "{character}")?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn write_char_escape<W: Write + ?Sized>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_as_python_shows_them() {
        for (given, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-1.5e300, "-1.5e+300"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut json = Vec::new();
            number(&mut json, given).expect("written");
            assert_eq!(String::from_utf8_lossy(&json), expected);
        }
    }

    #[test]
    fn texts_are_ascii_and_what_is_between_has_spaces() {
        let mut json = Vec::new();
        value(&mut json, &json!([1, 2.0, {"ä": ["\u{1f600}\"\n\u{7f}\u{1}/"], "b": null}])).expect("written");
        let expected = r#"[1, 2.0, {"\u00e4": ["\ud83d\ude00\"\n\u007f\u0001/"], "b": null}]"#;
        assert_eq!(String::from_utf8_lossy(&json), expected);
    }
}
