//! A text's tokens: `re.findall` with Python's meaning of `\w`, `\d`, `\s` and `\b`, by Rust's expressions.

use regex::Regex;

use super::clean::is_space;
use crate::{BadGraph, file::Fields};

#[derive(Debug)]
pub(super) struct Tokens {
    /// As Python's `str.isalnum` and `str.isdecimal` know them.
    words: Ranges,
    digits: Ranges,
    how: How,
}

#[derive(Debug)]
enum How {
    /// So many word characters at least, with none before or after them.
    Runs(usize),
    /// The matches, or their first group. All characters that the expression names are ASCII.
    Matches(Regex, bool),
}

/// Ranges of characters.
#[derive(Debug)]
pub(super) struct Ranges(Vec<(u32, u32)>);

/// What one text after the other is worked on in.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The text with stand-ins.
    text: String,
    /// Of each byte of it, where its character is in the text itself.
    origins: Vec<usize>,
}

impl Ranges {
    /// Reads pairs of first and last characters.
    pub(super) fn read(fields: Fields<'_>, field: &str) -> Result<Self, BadGraph> {
        let ends = fields.u32s(field)?;
        let pairs: Vec<_> = ends.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        if ends.len() % 2 != 0 || !ends.is_sorted() {
            return fields.wrong(field, "pairs of characters, ascending");
        }
        Ok(Self(pairs))
    }

    pub(super) fn has(&self, one: char) -> bool {
        let one = u32::from(one);
        self.0.get(self.0.partition_point(|(_, last)| *last < one)).is_some_and(|(first, _)| *first <= one)
    }
}

impl Tokens {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let how = if fields.has("runs") {
            How::Runs(fields.count("runs")?)
        } else {
            let Ok(regex) = Regex::new(fields.word("pattern")?) else { return fields.wrong("pattern", "an expression") };
            let group = regex.captures_len() > 1;
            How::Matches(regex, group)
        };
        Ok(Self { words: Ranges::read(fields, "words")?, digits: Ranges::read(fields, "digits")?, how })
    }

    /// Tells `found` each token.
    pub(super) fn each(&self, text: &str, work: &mut Work, found: impl FnMut(&str)) {
        match &self.how {
            How::Runs(least) => self.runs(text, *least, found),
            How::Matches(regex, group) => self.matches(text, regex, *group, work, found),
        }
    }

    fn is_word(&self, one: char) -> bool {
        if one.is_ascii() { one.is_ascii_alphanumeric() || one == '_' } else { self.words.has(one) }
    }

    fn runs(&self, text: &str, least: usize, mut found: impl FnMut(&str)) {
        let (mut start, mut length) = (0, 0);
        for (at, one) in text.char_indices() {
            if self.is_word(one) {
                if length == 0 {
                    start = at;
                }
                length += 1;
            } else {
                if length >= least.max(1) {
                    found(&text[start..at]);
                }
                length = 0;
            }
        }
        if length >= least.max(1) {
            found(&text[start..]);
        }
    }

    fn matches(&self, text: &str, regex: &Regex, group: bool, work: &mut Work, mut found: impl FnMut(&str)) {
        let plain =
            text.bytes().all(|byte| byte.is_ascii() && !is_space(char::from(byte)) || b" \t\n\r\x0b\x0c".contains(&byte));
        let Work { text: standing_in, origins } = work;
        if !plain {
            self.stand_in(text, standing_in, origins);
        }
        let looked_at = if plain { text } else { standing_in };
        let mut token = |range: std::ops::Range<usize>| {
            let origin = |at: usize| if plain { at } else { origins.get(at).copied().unwrap_or(text.len()) };
            found(&text[origin(range.start)..origin(range.end)]);
        };
        if group {
            // A group that took no part is empty.
            let groups = regex.captures_iter(looked_at);
            groups.for_each(|captures| token(captures.get(1).map_or(0..0, |group| group.range())));
        } else {
            regex.find_iter(looked_at).for_each(|found| token(found.range()));
        }
    }

    /// Of an expression that names ASCII characters only, each other character is one of four kinds. One stands for each kind, of
    /// which Rust's tables say what Python's do.
    fn stand_in(&self, text: &str, into: &mut String, origins: &mut Vec<usize>) {
        into.clear();
        origins.clear();
        for (at, one) in text.char_indices() {
            let stand_in = match one {
                '\u{1c}'..='\u{1f}' => '\u{2003}',
                one if one.is_ascii() => one,
                one if self.words.has(one) && self.digits.has(one) => '\u{663}',
                one if self.words.has(one) => 'é',
                one if is_space(one) => '\u{2003}',
                _ => '→',
            };
            into.push(stand_in);
            origins.resize(into.len(), at);
        }
        origins.push(text.len());
    }
}
