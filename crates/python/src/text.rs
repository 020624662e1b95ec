//! Text files as people have them: UTF-8, with or without a byte order mark, and UTF-16 with one, as Windows writes them.

/// Why bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}; save the file as UTF-8")]
pub struct Undecodable {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is there.
    pub what: String,
}

/// The text of a file. Where `comments` may hold anything, what isn't UTF-8 in one (`#` to the end of the line) is
/// replaced: it means nothing to anybody but people.
pub fn decode(bytes: &[u8], comments: bool) -> Result<String, Undecodable> {
    let text = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(at("", "this is UTF-32".to_owned())),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, comments)?,
        plain => utf8(plain, comments)?,
    };
    match text.split_once('\0') {
        Some((before, _)) => Err(at(before, "a zero byte, as in UTF-16 without a byte order mark".to_owned())),
        None => Ok(text),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Undecodable> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(letter) => text.push(letter),
            Err(half) => {
                return Err(at(&text, format!("0x{:04x} is half a character of UTF-16", half.unpaired_surrogate())));
            }
        }
    }
    if odd.is_empty() { Ok(text) } else { Err(at(&text, "UTF-16 that ends within a character".to_owned())) }
}

fn utf8(bytes: &[u8], comments: bool) -> Result<String, Undecodable> {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if let Some(first) = chunk.invalid().first() {
            if !(comments && in_comment(&text)) {
                return Err(at(&text, format!("the byte 0x{first:02x} is not UTF-8")));
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Ok(text)
}

/// Whether a text ends within a comment of a requirements file: `#` at the start of a line or behind white space.
fn in_comment(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or_default();
    line.starts_with('#') || line.contains(" #") || line.contains("\t#")
}

/// The place behind a text.
fn at(before: &str, what: String) -> Undecodable {
    let line = before.rsplit('\n').next().unwrap_or_default();
    Undecodable { line: before.matches('\n').count() + 1, column: line.chars().count() + 1, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_with_a_mark_is_read() {
        let text = "pandas\r\n# 😀 é\nsix\n";
        assert_eq!(decode(text.as_bytes(), true).as_deref(), Ok(text));
        assert_eq!(decode(format!("\u{feff}{text}").as_bytes(), true).as_deref(), Ok(text));
        assert_eq!(decode(&utf16(&format!("\u{feff}{text}"), u16::to_le_bytes), true).as_deref(), Ok(text));
        assert_eq!(decode(&utf16(&format!("\u{feff}{text}"), u16::to_be_bytes), true).as_deref(), Ok(text));
        for empty in [&b""[..], b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"] {
            assert_eq!(decode(empty, true).as_deref(), Ok(""));
        }
    }

    #[test]
    fn what_is_no_text_is_named_by_its_place() {
        let place = |bytes: &[u8]| decode(bytes, true).map_err(|error| (error.line, error.column));
        assert_eq!(place(b"pandas\ncaf\xe9==1\n"), Err((2, 4)));
        assert_eq!(place(b"p\0a\0"), Err((1, 2)), "UTF-16 without a mark");
        assert_eq!(place(b"\xff\xfea\0\n\0\x00\xd8b\0"), Err((2, 1)), "half a character");
        assert_eq!(place(b"\xff\xfea\0b"), Err((1, 2)), "an odd number of bytes");
        assert_eq!(place(b"\xff\xfe\0\0a\0\0\0"), Err((1, 1)), "UTF-32");
        assert_eq!(place(b"\xfe\xff\xdc\x00"), Err((1, 1)), "the second half without the first");
        assert_eq!(place(b"six\n\x80"), Err((2, 1)));
    }

    #[test]
    fn a_comment_of_requirements_may_hold_anything() {
        for text in [&b"# caf\xe9\nsix\n"[..], b"six # \xfcber\n", b"six\t#\xff\xff\n"] {
            assert!(decode(text, true).is_ok_and(|text| text.contains("six")));
            assert!(decode(text, false).is_err());
        }
        assert!(decode(b"six#\xe9\n", true).is_err(), "no comment: there is no white space before it");
    }
}
