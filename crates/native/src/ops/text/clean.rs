//! What is done to a text before it is taken apart: `str.lower`, accents, spaces.

use super::tokens::Ranges;
use crate::{BadGraph, file::Fields};

/// Tables are of the Python that fitted: its characters are not those of a newer Unicode.
#[derive(Debug)]
pub(super) struct Clean {
    lower: Option<Lower>,
    accents: Option<(Replaced, Others)>,
}

/// `str.lower`.
#[derive(Debug)]
struct Lower {
    replaced: Replaced,
    /// The characters that a capital sigma at the end of a word comes after, and those between that do not count.
    cased: Ranges,
    ignored: Ranges,
}

/// What becomes of some characters.
#[derive(Debug)]
struct Replaced {
    /// Ascending.
    from: Vec<u32>,
    /// Of each, where its characters end in `to`.
    ends: Vec<usize>,
    to: Vec<char>,
}

/// What becomes of the others where accents are stripped.
#[derive(Debug, Clone, Copy)]
enum Others {
    /// Only ASCII stays.
    Removed,
    /// Hangul syllables become their letters.
    Kept,
}

impl Clean {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let lower = |fields: Fields<'_>| {
            let (cased, ignored) = (Ranges::read(fields, "cased")?, Ranges::read(fields, "ignored")?);
            Ok(Lower { replaced: Replaced::read(fields)?, cased, ignored })
        };
        let accents = |fields: Fields<'_>| {
            let others = if fields.flag("ascii")? { Others::Removed } else { Others::Kept };
            Ok((Replaced::read(fields)?, others))
        };
        Ok(Self {
            lower: if fields.has("lower") { Some(lower(fields.inner("lower")?)?) } else { None },
            accents: if fields.has("accents") { Some(accents(fields.inner("accents")?)?) } else { None },
        })
    }

    /// Puts the cleaned text into `into`.
    pub(super) fn apply(&self, text: &str, into: &mut String) {
        into.clear();
        if text.is_ascii() {
            into.push_str(text);
            if self.lower.is_some() {
                into.make_ascii_lowercase();
            }
            return;
        }
        for (at, one) in text.char_indices() {
            match &self.lower {
                None => self.strip(one, into),
                Some(_) if one.is_ascii() => into.push(one.to_ascii_lowercase()),
                Some(lower) if one == 'Σ' => self.strip(lower.sigma(&text[..at], &text[at + one.len_utf8()..]), into),
                Some(lower) => match lower.replaced.get(one) {
                    Some(replaced) => replaced.iter().for_each(|one| self.strip(*one, into)),
                    None => self.strip(one, into),
                },
            }
        }
    }

    fn strip(&self, one: char, into: &mut String) {
        let Some((replaced, others)) = self.accents.as_ref().filter(|_| !one.is_ascii()) else {
            into.push(one);
            return;
        };
        match (replaced.get(one), others) {
            (Some(without), _) => into.extend(without),
            (None, Others::Kept) => hangul(one, into),
            (None, Others::Removed) => {}
        }
    }
}

impl Lower {
    /// A capital sigma in lower case: another one at the end of a word.
    fn sigma(&self, before: &str, after: &str) -> char {
        let counts = |one: &char| !self.ignored.has(*one);
        let is_cased = |one: Option<char>| one.is_some_and(|one| self.cased.has(one));
        let ends = is_cased(before.chars().rev().find(counts)) && !is_cased(after.chars().find(counts));
        if ends { 'ς' } else { 'σ' }
    }
}

impl Replaced {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (from, lengths) = (fields.u32s("from")?, fields.u8s("lengths")?);
        let to = fields.u32s("to")?.into_iter().map(char::from_u32).collect::<Option<Vec<_>>>();
        let Some(to) = to else { return fields.wrong("to", "characters") };
        let mut end = 0;
        let mut next = |length: &u8| {
            end += usize::from(*length);
            end
        };
        let ends: Vec<_> = lengths.iter().map(&mut next).collect();
        if ends.len() != from.len() || ends.last().copied().unwrap_or(0) != to.len() || !from.is_sorted_by(|a, b| a < b) {
            return fields.wrong("from", "ascending characters, each with its own");
        }
        Ok(Self { from, ends, to })
    }

    fn get(&self, one: char) -> Option<&[char]> {
        let at = self.from.binary_search(&u32::from(one)).ok()?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        Some(&self.to[start..self.ends[at]])
    }
}

/// A Hangul syllable as its letters (The Unicode Standard, 3.12); any other character as it is.
fn hangul(one: char, into: &mut String) {
    let Some(syllable) = u32::from(one).checked_sub(0xac00).filter(|syllable| *syllable < 11_172) else {
        into.push(one);
        return;
    };
    let letters = [0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28];
    let last = Some(0x11a7 + syllable % 28).filter(|_| syllable % 28 > 0);
    into.extend(letters.into_iter().chain(last).filter_map(char::from_u32));
}

/// `str.isspace`, and what Python's `\s` means.
pub(super) fn is_space(one: char) -> bool {
    one.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&one)
}

/// Two or more spaces become one: `re.sub(r"\s\s+", " ", text)`.
pub(super) fn squeeze(text: &str, into: &mut String) {
    into.clear();
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        if is_space(one) && rest.peek().copied().is_some_and(is_space) {
            while rest.next_if(|next| is_space(*next)).is_some() {}
            into.push(' ');
        } else {
            into.push(one);
        }
    }
}
