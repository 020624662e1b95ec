//! Thrift's compact protocol, as far as Parquet's metadata needs it. What is not as it should be is none.
//! Source: `doc/specs/thrift-compact-protocol.md` of `github.com/apache/thrift`.

/// How deep structs may be in each other. Parquet's are in five.
const MAX_DEPTH: usize = 16;

/// What was not read yet.
#[derive(Clone, Copy)]
pub(super) struct Thrift<'b> {
    pub(super) rest: &'b [u8],
}

/// The type of a field or an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool(bool),
    Byte,
    Int,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Bool(true),
            2 => Self::Bool(false),
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            13 => Self::Uuid,
            _ => return None,
        })
    }
}

impl<'b> Thrift<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// A number in as many bytes as it needs, the lowest seven bits first.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A whole number of any width.
    pub(super) fn int(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A length, which is whole and not negative.
    pub(super) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok()
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        let length = usize::try_from(self.varint()?).ok()?;
        str::from_utf8(self.take(length)?).ok()
    }

    /// The beginning of a list: how many elements follow, and their type.
    pub(super) fn list(&mut self) -> Option<(usize, Kind)> {
        let first = self.byte()?;
        let length = match first >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            short => short.into(),
        };
        // Some write an empty list as one of no type.
        let kind = if length == 0 { Kind::Byte } else { Kind::of(first & 0x0f)? };
        Some((length, kind))
    }

    /// Reads a struct. `read` is given each field and says whether it read it; the others are passed over.
    pub(super) fn fields(&mut self, read: &mut dyn FnMut(i64, Kind, &mut Self) -> Option<bool>) -> Option<()> {
        self.fields_within(read, MAX_DEPTH)
    }

    fn fields_within(&mut self, read: &mut dyn FnMut(i64, Kind, &mut Self) -> Option<bool>, depth: usize) -> Option<()> {
        let mut id = 0_i64;
        loop {
            let first = self.byte()?;
            if first == 0 {
                return Some(());
            }
            id = match first >> 4 {
                0 => self.int()?,
                more => id.checked_add(more.into())?,
            };
            let kind = Kind::of(first & 0x0f)?;
            if !read(id, kind, self)? {
                self.skip(kind, depth)?;
            }
        }
    }

    /// Passes over a value.
    pub(super) fn pass(&mut self, kind: Kind) -> Option<()> {
        self.skip(kind, MAX_DEPTH)
    }

    fn skip(&mut self, kind: Kind, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // The field itself says it.
            Kind::Bool(_) => {}
            Kind::Byte => {
                self.byte()?;
            }
            Kind::Int => {
                self.varint()?;
            }
            Kind::Double => {
                self.take(8)?;
            }
            Kind::Uuid => {
                self.take(16)?;
            }
            Kind::Binary => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.take(length)?;
            }
            Kind::List => {
                let (length, kind) = self.list()?;
                for _ in 0..length {
                    self.skip_element(kind, depth)?;
                }
            }
            Kind::Map => {
                let length = self.varint()?;
                let kinds = if length == 0 { 0 } else { self.byte()? };
                for _ in 0..length {
                    self.skip_element(Kind::of(kinds >> 4)?, depth)?;
                    self.skip_element(Kind::of(kinds & 0x0f)?, depth)?;
                }
            }
            Kind::Struct => self.fields_within(&mut |_, _, _| Some(false), depth)?,
        }
        Some(())
    }

    /// An element of a list takes a byte at least, so that no more are read than there are bytes.
    fn skip_element(&mut self, kind: Kind, depth: usize) -> Option<()> {
        self.skip(if matches!(kind, Kind::Bool(_)) { Kind::Byte } else { kind }, depth)
    }
}
