//! The pages of a column, one after the other, decompressed.
//! Source: "Data Pages" in `README.md`, and `Compression.md`, of `github.com/apache/parquet-format`.

use std::{borrow::Cow, io::Read};

use flate2::read::MultiGzDecoder;

use super::{
    BROKEN,
    thrift::{Kind, Thrift},
};

/// The pages that were not read yet.
pub(super) struct Pages<'b> {
    rest: Thrift<'b>,
    codec: i64,
}

/// A page. What is read of its header is held against its bytes where they are read.
pub(super) struct Page<'b> {
    pub(super) of: Of,
    /// How many values it says that it has.
    pub(super) values: usize,
    /// How they are encoded: a number of the format's.
    pub(super) encoding: i64,
    /// Which of them are missing, where a page has that apart.
    pub(super) levels: Option<&'b [u8]>,
    pub(super) bytes: Cow<'b, [u8]>,
}

/// What a page is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What others name by numbers.
    Dictionary,
    Values,
    /// What is passed over.
    Other,
}

/// What a page's header says.
#[derive(Default)]
struct Header {
    kind: Option<i64>,
    uncompressed: Option<usize>,
    compressed: Option<usize>,
    values: usize,
    encoding: i64,
    /// How long the levels are that stand before what is compressed.
    levels: usize,
    plain: bool,
}

impl<'b> Pages<'b> {
    pub(super) fn new(bytes: &'b [u8], codec: i64) -> Self {
        Self { rest: Thrift { rest: bytes }, codec }
    }

    /// The next page, if one follows. `room` is how many bytes all may still become.
    pub(super) fn next(&mut self, room: &mut usize) -> Result<Option<Page<'b>>, String> {
        if self.rest.rest.is_empty() {
            return Ok(None);
        }
        let header = Header::read(&mut self.rest).ok_or(BROKEN)?;
        let (Some(uncompressed), Some(compressed)) = (header.uncompressed, header.compressed) else {
            return Err(BROKEN.to_owned());
        };
        let bytes = self.rest.take(compressed).ok_or(BROKEN)?;
        let of = match header.kind {
            Some(0 | 3) => Of::Values,
            Some(2) => Of::Dictionary,
            _ => Of::Other,
        };
        // Of the second version of pages, the levels are never compressed.
        let (levels, bytes) = bytes.split_at_checked(header.levels).ok_or(BROKEN)?;
        let length = uncompressed.checked_sub(header.levels).ok_or(BROKEN)?;
        let codec = if header.plain { 0 } else { self.codec };
        let bytes = if of == Of::Other { Cow::Borrowed(bytes) } else { decompress(codec, bytes, length, room)? };
        let levels = (header.kind == Some(3)).then_some(levels);
        Ok(Some(Page { of, values: header.values, encoding: header.encoding, levels, bytes }))
    }
}

impl Header {
    fn read(thrift: &mut Thrift<'_>) -> Option<Self> {
        let mut header = Self::default();
        thrift.fields(&mut |id, kind, thrift| {
            match (id, kind) {
                (1, Kind::Int) => header.kind = Some(thrift.int()?),
                (2, Kind::Int) => header.uncompressed = Some(thrift.size()?),
                (3, Kind::Int) => header.compressed = Some(thrift.size()?),
                (5 | 7, Kind::Struct) => thrift.fields(&mut |id, kind, thrift| {
                    match (id, kind) {
                        (1, Kind::Int) => header.values = thrift.size()?,
                        (2, Kind::Int) => header.encoding = thrift.int()?,
                        _ => return Some(false),
                    }
                    Some(true)
                })?,
                (8, Kind::Struct) => thrift.fields(&mut |id, kind, thrift| {
                    match (id, kind) {
                        (1, Kind::Int) => header.values = thrift.size()?,
                        (4, Kind::Int) => header.encoding = thrift.int()?,
                        (5, Kind::Int) => header.levels = thrift.size()?,
                        (7, Kind::Bool(compressed)) => header.plain = !compressed,
                        _ => return Some(false),
                    }
                    Some(true)
                })?,
                _ => return Some(false),
            }
            Some(true)
        })?;
        Some(header)
    }
}

/// What bytes were before they were compressed: as many as are said, or it is none of it.
fn decompress<'b>(codec: i64, bytes: &'b [u8], length: usize, room: &mut usize) -> Result<Cow<'b, [u8]>, String> {
    let bad = || "the file is broken: what is compressed is not as long as it says".to_owned();
    if codec == 0 {
        return if bytes.len() == length { Ok(Cow::Borrowed(bytes)) } else { Err(bad()) };
    }
    if length == 0 {
        // Of nothing but missing values.
        return Ok(Cow::Borrowed(&[]));
    }
    let too_long = "the file becomes too long when it is decompressed; send the rows in several requests";
    *room = room.checked_sub(length).ok_or(too_long)?;
    let mut plain = Vec::new();
    match codec {
        1 => {
            if snap::raw::decompress_len(bytes).ok() != Some(length) {
                return Err(bad());
            }
            plain.resize(length, 0);
            snap::raw::Decoder::new().decompress(bytes, &mut plain).map_err(|_| bad())?;
        }
        2 => {
            let read = MultiGzDecoder::new(bytes).take(length as u64 + 1).read_to_end(&mut plain);
            read.map_err(|_| bad())?;
        }
        _ => {
            let name = match codec {
                3 => "LZO",
                4 => "Brotli",
                5 | 7 => "LZ4",
                6 => "Zstandard",
                _ => "something unknown",
            };
            return Err(format!("the file is compressed by {name}; write it with Snappy, gzip or without compression"));
        }
    }
    if plain.len() == length { Ok(Cow::Owned(plain)) } else { Err(bad()) }
}
