//! A notebook file's bytes → JSON text without its outputs.
//!
//! Outputs hold what programs wrote: NaN, halves of characters, numbers beyond all bounds, thousands of brackets. None of it
//! matters for running the notebook, so it is skipped unread. Python's own deviations from JSON are put right elsewhere too.

use std::borrow::Cow;

/// Reads a notebook file as JSON text, in which every code cell's list of outputs is empty. Lines stay where they are.
///
/// # Errors
/// When the bytes are no text: the encoding they seem to have, and the first byte that isn't in it.
pub fn without_outputs(bytes: &[u8]) -> Result<String, String> {
    let bytes = utf8(bytes)?;
    let mut scan = Scan { bytes: &bytes, at: 0, out: Vec::with_capacity(bytes.len()), open: Vec::new() };
    scan.all();
    String::from_utf8(scan.out).map_err(|error| {
        let at = std::str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), |_| error.utf8_error().valid_up_to());
        format!("is not UTF-8 (byte {at})")
    })
}

/// The bytes in UTF-8, if they are marked as UTF-16, and without a byte order mark.
fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let (rest, unit): (_, fn([u8; 2]) -> u16) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Ok(rest.into()),
        [0xff, 0xfe, rest @ ..] => (rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => (rest, u16::from_be_bytes),
        [b'{', 0, ..] => (bytes, u16::from_le_bytes),
        [0, b'{', ..] => (bytes, u16::from_be_bytes),
        _ => return Ok(bytes.into()),
    };
    let units: Vec<u16> = rest.as_chunks().0.iter().copied().map(unit).collect();
    let text = String::from_utf16(&units).map_err(|_| "is neither UTF-8 nor UTF-16".to_owned())?;
    Ok(text.into_bytes().into())
}

/// Copies JSON, but for outputs.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// The brackets that are open.
    open: Vec<u8>,
}

impl Scan<'_> {
    fn all(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    let start = self.at;
                    self.string();
                    let is_outputs = &self.bytes[start..self.at] == b"\"outputs\"";
                    if is_outputs && matches!(self.open.as_slice(), b"{[{" | b"{[{[{") {
                        self.outputs();
                    }
                    continue;
                }
                b'-' | b'0'..=b'9' | b'N' | b'I' => {
                    self.number();
                    continue;
                }
                b'{' | b'[' => self.open.push(byte),
                b'}' | b']' => drop(self.open.pop()),
                _ => {}
            }
            self.out.push(byte);
            self.at += 1;
        }
    }

    /// Copies a string. Half of a pair of surrogates, which no text has, becomes the replacement character.
    fn string(&mut self) {
        self.copy(1);
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => return self.copy(1),
                b'\\' => match (self.escape(self.at), self.escape(self.at + 6)) {
                    (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => self.copy(12),
                    (Some(0xd800..=0xdfff), _) => {
                        self.out.extend_from_slice(b"\\ufffd");
                        self.at += 6;
                    }
                    _ => self.copy(2),
                },
                _ => self.copy(1),
            }
        }
    }

    /// The code of a `\u` escape.
    fn escape(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn copy(&mut self, count: usize) {
        let end = (self.at + count).min(self.bytes.len());
        self.out.extend_from_slice(&self.bytes[self.at..end]);
        self.at = end;
    }

    /// Copies a number, or null for one that JSON has no form for.
    fn number(&mut self) {
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = self.bytes[self.at..].iter().take_while(is_part).count();
        let token = &self.bytes[self.at..self.at + length];
        let value = std::str::from_utf8(token).ok().and_then(|token| token.parse::<f64>().ok());
        if value.is_some_and(|value| !value.is_finite()) {
            self.out.extend_from_slice(b"null");
            self.at += length;
        } else {
            self.copy(length);
        }
    }

    /// Behind the key of outputs: leaves an empty list of them, with their line ends.
    fn outputs(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b':' | b' ' | b'\t' | b'\r' | b'\n')) {
            self.copy(1);
        }
        if self.bytes.get(self.at) != Some(&b'[') {
            return;
        }
        self.out.push(b'[');
        let mut depth = 0_usize;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.skip_string(),
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                b'\n' => self.out.push(byte),
                _ => {}
            }
            if depth == 0 {
                self.out.push(b']');
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => self.at += 1,
                b'\n' => self.out.push(byte),
                _ => {}
            }
        }
    }
}
