//! What Python calls JSON: it writes NaN for a missing number, which JSON has not.

use std::borrow::Cow;

const NAN: &[u8] = b"NaN";

/// JSON with `null` in place of each NaN outside of texts.
pub(in crate::api) fn without_nan(json: &[u8]) -> Cow<'_, [u8]> {
    if !json.windows(NAN.len()).any(|window| window == NAN) {
        return Cow::Borrowed(json);
    }
    let mut written = Vec::with_capacity(json.len() + json.len() / 8);
    let (mut rest, mut in_text) = (json, false);
    while let Some(&byte) = rest.first() {
        let length = match byte {
            // What it escapes is no quote.
            b'\\' if in_text => rest.len().min(2),
            b'N' if !in_text && rest.starts_with(NAN) => {
                written.extend_from_slice(b"null");
                rest = &rest[NAN.len()..];
                continue;
            }
            _ => 1,
        };
        in_text ^= byte == b'"';
        written.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_null_but_in_texts() {
        for (given, expected) in [
            ("[1, 2]", "[1, 2]"),
            ("[NaN,NaN , 1]", "[null,null , 1]"),
            (r#"{"NaN": ["NaN\"NaN", NaN, "\\", NaN]}"#, r#"{"NaN": ["NaN\"NaN", null, "\\", null]}"#),
            ("NaNa", "nulla"),
            (r#""NaN\"#, r#""NaN\"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&without_nan(given.as_bytes())), expected);
        }
    }
}
