//! `text`: how often each known word, or sequence of words or characters, is in a text. `CountVectorizer`, and the counts of
//! `TfidfVectorizer` and `HashingVectorizer`. Source of each step: `sklearn/feature_extraction/text.py`.

mod clean;
mod tokens;

use foldhash::{HashMap, HashSet};

use self::{clean::Clean, tokens::Tokens};
use crate::{BadGraph, Column, Refused, Sparse, Value, file::Fields, operator::Operate};

/// The longest sequence: a text has that many times more of them than words.
const LONGEST: usize = 100;

#[derive(Debug)]
pub(crate) struct Text {
    clean: Clean,
    analyzer: Analyzer,
    /// So many words or characters at least, and at most, in a sequence.
    lengths: (usize, usize),
    places: Places,
    /// Counts are not above 1.
    binary: bool,
}

#[derive(Debug)]
enum Analyzer {
    Words(Tokens, HashSet<Box<str>>),
    Characters,
    /// Characters within words, which have a space before and after them.
    CharactersOfWords,
}

/// The column of a sequence.
#[derive(Debug)]
enum Places {
    /// Of each sequence, and how many columns there are.
    Known(HashMap<Box<str>, u32>, usize),
    /// `FeatureHasher`: the hash's remainder; `signed`: a negative hash counts as -1.
    Hashed { width: u32, signed: bool },
}

/// What one row after the other is worked on in.
#[derive(Debug, Default)]
struct Work {
    text: String,
    tokens: tokens::Work,
    joined: String,
    bounds: Vec<(usize, usize)>,
    found: Vec<(u32, f64)>,
}

impl Operate for Text {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let lengths = (fields.count("shortest")?.max(1), fields.count("longest")?);
        let analyzer = match fields.word("analyzer")? {
            "word" => {
                let stop = fields.texts("stop_words")?.into_iter().flatten().map(String::into_boxed_str).collect();
                Analyzer::Words(Tokens::read(fields.inner("tokens")?)?, stop)
            }
            "char" => Analyzer::Characters,
            "char_wb" => Analyzer::CharactersOfWords,
            _ => return fields.wrong("analyzer", "a known word"),
        };
        let places = if fields.has("hashed") {
            let width = u32::try_from(fields.count("hashed")?).unwrap_or(0);
            if width == 0 {
                return fields.wrong("hashed", "a number of columns");
            }
            Places::Hashed { width, signed: fields.flag("signed")? }
        } else {
            let words = fields.texts("words")?;
            let width = words.len();
            Places::Known(words.into_iter().zip(0..).filter_map(|(word, at)| Some((word?.into(), at))).collect(), width)
        };
        if lengths.1 > LONGEST {
            return fields.wrong("longest", "below a hundred");
        }
        Ok(Self { clean: Clean::read(fields)?, analyzer, lengths, places, binary: fields.flag("binary")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let Value::Table(table) = x else { return Err(Refused::misfit("a matrix instead of text")) };
        let [Column::Text(texts)] = table.columns.as_slice() else {
            return Err(Refused::misfit("something else than one column of text"));
        };
        let width = match &self.places {
            Places::Known(_, width) => *width,
            Places::Hashed { width, .. } => *width as usize,
        };
        let mut counts = Sparse { width, starts: vec![0], ..Sparse::default() };
        let mut work = Work::default();
        for text in texts {
            let Some(text) = text else { return Err(Refused::rows("a text is missing, where the model takes none")) };
            self.count(text, &mut work);
            work.found.sort_unstable_by_key(|(place, _)| *place);
            for (place, sign) in work.found.drain(..) {
                match (counts.columns.last(), counts.values.last_mut()) {
                    (Some(last), Some(value))
                        if *last == place && counts.columns.len() > counts.starts.last().copied().unwrap_or(0) =>
                    {
                        *value += sign;
                    }
                    _ => {
                        counts.columns.push(place);
                        counts.values.push(sign);
                    }
                }
            }
            counts.starts.push(counts.columns.len());
        }
        if self.binary {
            counts.values.fill(1.0);
        }
        Ok(Value::Sparse(counts))
    }
}

impl Text {
    /// Finds the places of a text's sequences.
    fn count(&self, text: &str, work: &mut Work) {
        let Work { text: clean, tokens, joined, bounds, found } = work;
        self.clean.apply(text, clean);
        let mut place = |sequence: &str| found.extend(self.places.of(sequence));
        bounds.clear();
        match &self.analyzer {
            Analyzer::Words(pattern, stop) => {
                joined.clear();
                pattern.each(clean, tokens, |token| {
                    if !stop.contains(token) {
                        if !bounds.is_empty() {
                            joined.push(' ');
                        }
                        bounds.push((joined.len(), joined.len() + token.len()));
                        joined.push_str(token);
                    }
                });
                self.sequences(joined, bounds, &mut place);
            }
            Analyzer::Characters => {
                clean::squeeze(clean, joined);
                bounds.extend(joined.char_indices().map(|(at, one)| (at, at + one.len_utf8())));
                self.sequences(joined, bounds, &mut place);
            }
            Analyzer::CharactersOfWords => {
                for word in clean.split(clean::is_space).filter(|word| !word.is_empty()) {
                    joined.clear();
                    joined.push(' ');
                    joined.push_str(word);
                    joined.push(' ');
                    bounds.clear();
                    bounds.extend(joined.char_indices().map(|(at, one)| (at, at + one.len_utf8())));
                    let (shortest, longest) = self.lengths;
                    self.sequences(joined, bounds, &mut place);
                    // A word that is shorter than any sequence stands for one, once.
                    if shortest > bounds.len() && longest >= shortest {
                        place(joined);
                    }
                }
            }
        }
    }

    /// Every sequence of neighbours.
    fn sequences(&self, text: &str, bounds: &[(usize, usize)], place: &mut impl FnMut(&str)) {
        let (shortest, longest) = self.lengths;
        for length in shortest..=longest.min(bounds.len()) {
            for window in bounds.windows(length) {
                if let (Some((start, _)), Some((_, end))) = (window.first(), window.last()) {
                    place(&text[*start..*end]);
                }
            }
        }
    }
}

impl Places {
    fn of(&self, sequence: &str) -> Option<(u32, f64)> {
        match self {
            Self::Known(words, _) => words.get(sequence).map(|place| (*place, 1.0)),
            Self::Hashed { width, signed } => {
                let hash = murmur(sequence.as_bytes()).cast_signed();
                Some((hash.unsigned_abs() % width, if *signed && hash < 0 { -1.0 } else { 1.0 }))
            }
        }
    }
}

/// `MurmurHash3_x86_32` with the seed 0 (A. Appleby, public domain), as `sklearn.utils.murmurhash` has it.
fn murmur(bytes: &[u8]) -> u32 {
    let mix = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let blocks = bytes.chunks_exact(4);
    let rest = blocks.remainder();
    let mut hash = 0_u32;
    for block in blocks {
        hash ^= mix(u32::from_le_bytes(block.try_into().unwrap_or_default()));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        hash ^= mix(rest.iter().rev().fold(0, |block, byte| block << 8 | u32::from(*byte)));
    }
    hash ^= u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}
