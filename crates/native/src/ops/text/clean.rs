//! What is done to a text before it is taken apart: `str.lower`, accents, spaces.

use crate::{BadGraph, file::Fields};

#[derive(Debug)]
pub(super) struct Clean {
    lower: bool,
    accents: Option<Accents>,
}

/// What becomes of characters without their accents, as `unicodedata` of the Python that fitted says.
#[derive(Debug)]
struct Accents {
    /// Ascending.
    from: Vec<u32>,
    /// Of each, where its characters end in `to`.
    ends: Vec<usize>,
    to: Vec<char>,
    /// Only ASCII stays. Otherwise, what is not listed stays as it is, and Hangul syllables become their letters.
    ascii: bool,
}

impl Clean {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let accents = if fields.has("accents") { Some(Accents::read(fields.inner("accents")?)?) } else { None };
        Ok(Self { lower: fields.flag("lower")?, accents })
    }

    /// Puts the cleaned text into `into`.
    pub(super) fn apply(&self, text: &str, into: &mut String) {
        into.clear();
        if text.is_ascii() {
            into.push_str(text);
            if self.lower {
                into.make_ascii_lowercase();
            }
            return;
        }
        let lower = if self.lower { text.to_lowercase() } else { text.to_owned() };
        match &self.accents {
            Some(accents) => lower.chars().for_each(|one| accents.strip(one, into)),
            None => into.push_str(&lower),
        }
    }
}

impl Accents {
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
        Ok(Self { from, ends, to, ascii: fields.flag("ascii")? })
    }

    fn strip(&self, one: char, into: &mut String) {
        if one.is_ascii() {
            into.push(one);
            return;
        }
        if let Ok(at) = self.from.binary_search(&u32::from(one)) {
            let start = if at == 0 { 0 } else { self.ends[at - 1] };
            into.extend(&self.to[start..self.ends[at]]);
        } else if !self.ascii {
            hangul(one, into);
        }
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
