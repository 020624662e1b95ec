//! The values of a page, as they are stored.
//! Source: `Encodings.md` of `github.com/apache/parquet-format`.

use std::borrow::Cow;

use super::{BROKEN, kind::Physical, runs::Runs};

/// The values that a column's pages name by numbers.
pub(super) struct Dictionary<'b> {
    bytes: Cow<'b, [u8]>,
    places: Places,
}

enum Places {
    /// So long each.
    Fixed(usize),
    /// Where the length of each is.
    Spans(Vec<u32>),
}

impl<'b> Dictionary<'b> {
    pub(super) fn new(physical: Physical, bytes: Cow<'b, [u8]>, values: usize) -> Result<Self, String> {
        let places = match physical {
            Physical::Fixed(length, _) => Places::Fixed(length),
            Physical::Bytes => {
                let (mut spans, mut at) = (Vec::new(), 0);
                for _ in 0..values {
                    spans.push(u32::try_from(at).map_err(|_| BROKEN)?);
                    (_, at) = span(&bytes, at).ok_or(BROKEN)?;
                }
                Places::Spans(spans)
            }
            Physical::Bits => return Err(BROKEN.to_owned()),
        };
        Ok(Self { bytes, places })
    }

    fn value(&self, number: u32) -> Option<&[u8]> {
        let number = usize::try_from(number).ok()?;
        let (start, end) = match &self.places {
            Places::Fixed(length) => {
                let start = number.checked_mul(*length)?;
                (start, start.checked_add(*length)?)
            }
            Places::Spans(spans) => span(&self.bytes, usize::try_from(*spans.get(number)?).ok()?)?,
        };
        self.bytes.get(start..end)
    }
}

/// Where the bytes are whose length is at a place.
fn span(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let length = bytes.get(at..)?.first_chunk::<4>()?;
    let start = at + 4;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (end <= bytes.len()).then_some((start, end))
}

/// The values of a page that were not read yet.
pub(super) enum Values<'p> {
    Fixed { bytes: &'p [u8], length: usize },
    Spans { bytes: &'p [u8], at: usize },
    Bits { bytes: &'p [u8], at: usize },
    Runs(Runs<'p>),
    Named(Runs<'p>, &'p Dictionary<'p>),
}

impl<'p> Values<'p> {
    /// The values in a page's bytes, encoded so.
    pub(super) fn new(
        (physical, encoding): (Physical, i64),
        bytes: &'p [u8],
        dictionary: Option<&'p Dictionary<'p>>,
    ) -> Result<Self, String> {
        Ok(match (encoding, physical, dictionary) {
            (0, Physical::Fixed(length, _), _) => Self::Fixed { bytes, length },
            (0, Physical::Bytes, _) => Self::Spans { bytes, at: 0 },
            (0, Physical::Bits, _) => Self::Bits { bytes, at: 0 },
            (2 | 8, _, Some(dictionary)) => {
                // Of a page without values, nothing need be there.
                let (width, runs) = bytes.split_first().unwrap_or((&0, &[]));
                Self::Named(Runs::new(*width, runs).ok_or(BROKEN)?, dictionary)
            }
            (3, Physical::Bits, _) => Self::Runs(Runs::new(1, bytes.get(4..).unwrap_or_default()).ok_or(BROKEN)?),
            (2 | 3 | 8, ..) => return Err(BROKEN.to_owned()),
            (other, ..) => {
                let name = match other {
                    5 => "DELTA_BINARY_PACKED",
                    6 => "DELTA_LENGTH_BYTE_ARRAY",
                    7 => "DELTA_BYTE_ARRAY",
                    9 => "BYTE_STREAM_SPLIT",
                    _ => "another encoding",
                };
                return Err(format!("values encoded by {name} are not taken; write them plain or by a dictionary"));
            }
        })
    }

    pub(super) fn next(&mut self) -> Option<&[u8]> {
        match self {
            Self::Fixed { bytes, length } => {
                let (value, rest) = bytes.split_at_checked(*length)?;
                *bytes = rest;
                Some(value)
            }
            Self::Spans { bytes, at } => {
                let (start, end) = span(bytes, *at)?;
                *at = end;
                bytes.get(start..end)
            }
            Self::Bits { bytes, at } => {
                let bit = bytes.get(*at / 8)? >> (*at % 8) & 1;
                *at += 1;
                Some(truth(bit == 1))
            }
            Self::Runs(runs) => Some(truth(runs.next()? == 1)),
            Self::Named(runs, dictionary) => dictionary.value(runs.next()?),
        }
    }
}

/// As it is stored by itself.
fn truth(value: bool) -> &'static [u8] {
    if value { &[1] } else { &[0] }
}
