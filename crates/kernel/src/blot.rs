//! The secrets of a run, blotted out of all that is told of it: as they are, and in the forms that encodings give them.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write, ops::Range};

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use contract::{RunSecrets, SECRET_MIN};
use serde_json::Value;

use crate::KernelError;

/// What stands in a secret's place.
const BLOT: &str = "***";
/// The shortest piece of base64 that is looked for, in characters: shorter ones are found in any image.
const BASE64_MIN: usize = 5;
/// After how many characters programs break base64 into lines.
const WRAPS: [usize; 2] = [64, 76];
/// How long a line may get before its beginning is let go without its end, in bytes.
const LINE_MAX: usize = 1 << 20;

/// What is looked for. None of it has a line break: a secret of several lines is looked for line by line.
#[derive(Default)]
pub(crate) struct Blot {
    forms: Option<AhoCorasick>,
    /// The longest form, in bytes.
    longest: usize,
}

impl Blot {
    pub(crate) fn new(secrets: &RunSecrets) -> Result<Self, KernelError> {
        let mut forms = BTreeSet::new();
        secrets.0.values().for_each(|value| add_forms(value, &mut forms));
        if forms.is_empty() {
            return Ok(Self::default());
        }
        let longest = forms.iter().map(String::len).max().unwrap_or_default();
        let forms = AhoCorasick::new(&forms).map_err(|_| KernelError::Secrets)?;
        Ok(Self { forms: Some(forms), longest })
    }

    /// A text without the secrets in it.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(text);
        if found.is_empty() {
            return text.into();
        }
        let (mut clean, mut end) = (String::with_capacity(text.len()), 0);
        for one in found {
            clean.push_str(&text[end..one.start]);
            clean.push_str(BLOT);
            end = one.end;
        }
        clean.push_str(&text[end..]);
        clean.into()
    }

    /// Takes the secrets out of all texts of a value, names of fields included.
    pub(crate) fn value(&self, value: &mut Value) {
        if self.forms.is_none() {
            return;
        }
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.text(text) {
                    *text = clean;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.value(field));
                if fields.keys().any(|name| !self.find(name).is_empty()) {
                    let named = std::mem::take(fields).into_iter();
                    *fields = named.map(|(name, field)| (self.text(&name).into_owned(), field)).collect();
                }
            }
            // A secret may be a number as a whole; in others, its digits mean nothing.
            Value::Number(number) => {
                if self.text(&number.to_string()) == BLOT {
                    *value = BLOT.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Where secrets stand, in order; what overlaps or touches is one place.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Some(forms) = &self.forms else { return Vec::new() };
        let mut found: Vec<_> = forms.find_overlapping_iter(text).map(|found| found.range()).collect();
        found.sort_unstable_by_key(|one| (one.start, one.end));
        let mut places: Vec<Range<usize>> = Vec::new();
        for one in found {
            match places.last_mut() {
                Some(last) if one.start <= last.end => last.end = last.end.max(one.end),
                _ => places.push(one),
            }
        }
        places
    }
}

/// A stream's text that waits for the end of its line: a secret may come in pieces.
#[derive(Default)]
pub(crate) struct Held(String);

impl Held {
    /// Takes the next piece, and answers what can be told by now.
    pub(crate) fn push<'a>(&mut self, piece: &'a str, blot: &Blot) -> Cow<'a, str> {
        if blot.forms.is_none() {
            return piece.into();
        }
        let before = self.0.len();
        self.0.push_str(piece);
        let end = match piece.rfind(['\n', '\r']) {
            Some(at) => before + at + 1,
            None if self.0.len() > LINE_MAX => self.end_of_beginning(blot),
            None => return "".into(),
        };
        let rest = self.0.split_off(end);
        let ready = std::mem::replace(&mut self.0, rest);
        blot.text(&ready).into_owned().into()
    }

    /// All that is left, when nothing more belongs to it.
    pub(crate) fn take(&mut self, blot: &Blot) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        blot.text(&std::mem::take(&mut self.0)).into_owned()
    }

    /// Up to where a line can be told whatever follows.
    fn end_of_beginning(&self, blot: &Blot) -> usize {
        let end = self.0.floor_char_boundary((self.0.len() + 1).saturating_sub(blot.longest));
        blot.find(&self.0).into_iter().find(|one| one.contains(&end)).map_or(end, |one| one.start)
    }
}

/// The forms in which a secret is looked for.
fn add_forms(value: &str, forms: &mut BTreeSet<String>) {
    let whole = value.trim();
    for line in value.split(['\n', '\r']).map(str::trim).filter(|line| line.chars().count() >= SECRET_MIN) {
        let html = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let quoted = html.replace('"', "&quot;").replace('\'', "&#x27;");
        // As Python and JSON write it in quotes.
        let repr = line.replace('\\', "\\\\");
        let bytes = bytes_repr(&repr);
        forms.extend([repr.replace('\'', "\\'"), bytes.replace('\'', "\\'"), bytes]);
        let json = serde_json::to_string(line).unwrap_or_default();
        let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
        let ascii = json.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect();
        let urls = ["", "/", "!'()*"].map(|kept| url_encoded(line, kept));
        let form = urls[0].replace("%20", "+");
        forms.extend([line.to_owned(), html, quoted, repr, json, ascii, form]);
        forms.extend(urls);
    }
    forms.insert(hex::encode(whole));
    forms.insert(hex::encode_upper(whole));
    add_base64(whole.as_bytes(), forms);
    forms.retain(|form| !form.is_empty());
}

/// Base64 of bytes as they stand among others: what the characters around them have a part in is left out.
fn add_base64(bytes: &[u8], forms: &mut BTreeSet<String>) {
    for before in 0..3 {
        let padded = [&[0; 2][..before], bytes].concat();
        let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            if before == 0 {
                forms.insert(encoded.clone());
            }
            let piece = encoded.get(own.clone()).unwrap_or_default();
            if piece.len() >= BASE64_MIN {
                forms.insert(piece.to_owned());
            }
            for wrap in WRAPS.into_iter().filter(|wrap| before == 0 && piece.len() > *wrap) {
                let lines = (0..piece.len()).step_by(wrap).filter_map(|at| piece.get(at..piece.len().min(at + wrap)));
                forms.extend(lines.filter(|line| line.len() >= BASE64_MIN).map(str::to_owned));
            }
        }
    }
}

/// What Python writes of a text's bytes, whose backslashes are doubled already.
fn bytes_repr(text: &str) -> String {
    let mut repr = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() {
            repr.push(char::from(byte));
        } else {
            // Writing to a string has no way to fail.
            let _ = write!(repr, "\\x{byte:02x}");
        }
    }
    repr
}

/// A character as JSON writes it in ASCII.
fn escaped(character: char) -> String {
    let mut text = String::new();
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a string has no way to fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
    text
}

/// A text as a part of an address; of other characters than letters, digits and `-._~`, those in `kept` stay as they are.
fn url_encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = char::from(byte);
        if letter.is_ascii_alphanumeric() || "-._~".contains(letter) || kept.contains(letter) {
            encoded.push(letter);
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn blot(values: &[&str]) -> Blot {
        let named = |(at, value): (usize, &&str)| (format!("S{at}").parse().unwrap(), (*value).to_owned());
        Blot::new(&RunSecrets(values.iter().enumerate().map(named).collect())).unwrap()
    }

    #[test]
    fn a_secret_is_found_in_every_form_that_encodings_give_it() {
        let secret = r#"p&ss <w"o\rd>/ä'1"#;
        let blot = blot(&[secret]);
        for text in [
            secret,
            r#"p&amp;ss &lt;w"o\rd&gt;/ä'1"#,
            r"p&amp;ss &lt;w&quot;o\rd&gt;/ä&#x27;1",
            r#"p&ss <w"o\\rd>/ä'1"#,
            r#"p&ss <w"o\\rd>/ä\'1"#,
            r#"p&ss <w"o\\rd>/\xc3\xa4\'1"#,
            r#"p&ss <w\"o\\rd>/ä'1"#,
            r#"p&ss <w\"o\\rd>/\u00e4'1"#,
            "p%26ss%20%3Cw%22o%5Crd%3E%2F%C3%A4%271",
            "p%26ss%20%3Cw%22o%5Crd%3E/%C3%A4%271",
            "p%26ss+%3Cw%22o%5Crd%3E%2F%C3%A4%271",
            &hex::encode(secret),
        ] {
            assert_eq!(blot.text(&format!("a {text} b")), "a *** b", "{text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_stands_in_what_is_encoded() {
        let blot = blot(&["hunter2-hunter2"]);
        for (before, after) in [("", ""), ("u", ":"), ("user:", "@host"), ("us", ""), ("", "\n"), ("123", "x")] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}hunter2-hunter2{after}"));
            let clean = blot.text(&encoded);
            // A character or two at each end belong to what stands beside it as well.
            assert!(clean.contains(BLOT) && clean.len() < encoded.len() - 12, "{encoded} {clean}");
        }
        assert_eq!(self::blot(&["hunter2!"]).text(&STANDARD_NO_PAD.encode("hunter2!")), BLOT);
        let long = "0123456789abcdef".repeat(20);
        let wrapped = STANDARD_NO_PAD.encode(&long).as_bytes().chunks(76).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let clean = self::blot(&[&long]).text(&String::from_utf8(wrapped.join(&b'\n')).unwrap()).into_owned();
        assert!(clean.split('\n').all(|line| line.starts_with(BLOT)), "{clean}");
    }

    #[test]
    fn secrets_of_several_lines_are_found_line_by_line_and_overlapping_ones_as_one() {
        let key = "-----BEGIN KEY-----\r\n  MIIabc\nab\n-----END KEY-----\n";
        let blot = blot(&[key, "pass", "password123", "word123456", "1234"]);
        assert_eq!(blot.text(key), "***\r\n  ***\nab\n***\n");
        assert_eq!(blot.text("password123456 pas sword12"), "*** pas sword12");
        let mut value = json!({"a pass": ["x pass", 1234, 12345], "b": null});
        blot.value(&mut value);
        assert_eq!(value, json!({"a ***": ["x ***", "***", 12345], "b": null}));
    }

    #[test]
    fn without_secrets_nothing_changes_and_nothing_waits() {
        let (blot, mut held) = (Blot::new(&RunSecrets::default()).unwrap(), Held::default());
        assert_eq!(held.push("no line end", &blot), "no line end");
        assert_eq!(blot.text("***"), "***");
        assert_eq!(held.take(&blot), "");
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_room_and_hides_a_secret_at_its_cut() {
        let blot = blot(&["hunter2"]);
        let (mut held, mut told, mut room) = (Held::default(), String::new(), 0);
        for piece in ["x".repeat(LINE_MAX - 3).as_str(), "hun", "ter2", &"y".repeat(LINE_MAX), "hunt", "er2", "\n"] {
            told.push_str(&held.push(piece, &blot));
            room = room.max(held.0.len());
        }
        assert_eq!(told, format!("{}***{}***\n", "x".repeat(LINE_MAX - 3), "y".repeat(LINE_MAX)));
        assert!(room <= 2 * LINE_MAX, "{room}");
    }

    proptest! {
        #[test]
        fn how_a_text_is_cut_into_pieces_does_not_matter(
            text in "(hunter2|hunt|er2|ä|[ab\r\n]){0,20}", at in 0usize..60, second in 0usize..60
        ) {
            let blot = blot(&["hunter2"]);
            let (at, second) = (text.floor_char_boundary(at.min(second)), text.floor_char_boundary(at.max(second)));
            let (mut held, mut told) = (Held::default(), String::new());
            for piece in [&text[..at], &text[at..second], &text[second..]] {
                told.push_str(&held.push(piece, &blot));
            }
            told.push_str(&held.take(&blot));
            prop_assert!(!told.contains("hunter2"));
            let mut expected = text.replace("hunter2", BLOT);
            while expected.contains("******") {
                expected = expected.replace("******", BLOT);
            }
            prop_assert_eq!(told, expected);
        }
    }
}
