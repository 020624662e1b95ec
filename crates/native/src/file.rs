//! The format of graphs and proofs: a JSON header, and the arrays of numbers that it refers to.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `MLSYSNV1` |
//! | 8 | length of the header in bytes, little-endian; with these 16 a multiple of 8 |
//! | | the header: a JSON object, `"arrays": [["f64", 3], …]` among its fields, filled up with spaces |
//! | | the arrays, one after the other, little-endian, each filled up to a multiple of 8 bytes |
//!
//! A field that is `{"array": N}` stands for the N-th array. Each array is read at most once: what a file makes a reader
//! allocate is of the order of its own length.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

const MAGIC: &[u8; 8] = b"MLSYSNV1";
/// The deepest nesting of operators.
const DEPTH: usize = 48;

/// A file that is not what it must be. The text says where and what.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadGraph(pub(crate) String);

/// An error, as a result.
pub(crate) fn bad<T>(reason: impl Into<String>) -> Result<T, BadGraph> {
    Err(BadGraph(reason.into()))
}

/// A file in memory.
pub(crate) struct File<'f> {
    header: Map<String, Value>,
    arrays: RefCell<Vec<Option<Array<'f>>>>,
    /// How many bytes the operators hold that were read so far.
    held: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Array<'f> {
    kind: Kind,
    bytes: &'f [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    F64,
    I64,
    I32,
    U32,
    U8,
}

impl Kind {
    fn of(name: &str) -> Option<(Self, usize)> {
        Some(match name {
            "f64" => (Self::F64, 8),
            "i64" => (Self::I64, 8),
            "i32" => (Self::I32, 4),
            "u32" => (Self::U32, 4),
            "u8" => (Self::U8, 1),
            _ => return None,
        })
    }
}

impl<'f> File<'f> {
    /// Finds the header and the arrays.
    pub(crate) fn open(bytes: &'f [u8]) -> Result<Self, BadGraph> {
        let (start, rest) = bytes.split_at_checked(16).ok_or_else(|| BadGraph("the file is too short".to_owned()))?;
        if &start[..8] != MAGIC {
            return bad("this is no graph of version 1");
        }
        let length = u64::from_le_bytes(start[8..].try_into().unwrap_or_default());
        let length = usize::try_from(length).ok().filter(|length| length % 8 == 0 && *length <= rest.len());
        let Some(length) = length else { return bad("the header is longer than the file") };
        let (header, mut data) = rest.split_at(length);
        let header: Map<String, Value> = serde_json::from_slice(header).map_err(|error| BadGraph(error.to_string()))?;
        let mut arrays = Vec::new();
        for listed in header.get("arrays").and_then(Value::as_array).into_iter().flatten() {
            let kind = listed.get(0).and_then(Value::as_str).and_then(Kind::of);
            let count = listed.get(1).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
            let (Some((kind, size)), Some(count)) = (kind, count) else { return bad("an array of an unknown kind") };
            let length = count.checked_mul(size).filter(|length| *length <= data.len());
            let Some(length) = length else { return bad("an array is longer than the file") };
            arrays.push(Some(Array { kind, bytes: &data[..length] }));
            data = data.get(length.next_multiple_of(8)..).unwrap_or_default();
        }
        Ok(Self { header, arrays: RefCell::new(arrays), held: Cell::new(0) })
    }

    /// How many bytes the operators hold that were read so far: themselves, and their arrays and texts.
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }

    /// The header's fields.
    pub(crate) fn fields(&'f self) -> Fields<'f> {
        Fields { file: self, object: &self.header, depth: 0, name: "graph" }
    }
}

/// The fields of one object of a header.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'f> {
    file: &'f File<'f>,
    object: &'f Map<String, Value>,
    depth: usize,
    name: &'f str,
}

macro_rules! arrays {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $of:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name(&self, field: &str) -> Result<Vec<$of>, BadGraph> {
            let bytes = self.array(field, Kind::$kind)?;
            self.hold(bytes.len());
            let read = |part: &[u8]| <$of>::from_le_bytes(part.try_into().unwrap_or_default());
            Ok(bytes.chunks_exact(size_of::<$of>()).map(read).collect())
        }
    )*};
}

impl<'f> Fields<'f> {
    arrays! {
        /// An array of doubles.
        f64s: F64, f64;
        /// An array of 64-bit whole numbers.
        i64s: I64, i64;
        /// An array of 32-bit whole numbers.
        i32s: I32, i32;
        /// An array of 32-bit whole numbers from 0.
        u32s: U32, u32;
        /// An array of bytes.
        u8s: U8, u8;
    }

    /// An array of doubles of a length.
    pub(crate) fn f64s_of(&self, field: &str, length: usize) -> Result<Vec<f64>, BadGraph> {
        let values = self.f64s(field)?;
        if values.len() == length { Ok(values) } else { self.wrong(field, &format!("{length} numbers")) }
    }

    /// An array of doubles, if there is one.
    pub(crate) fn maybe_f64s(&self, field: &str) -> Result<Option<Vec<f64>>, BadGraph> {
        if self.has(field) { self.f64s(field).map(Some) } else { Ok(None) }
    }

    /// Whether there is a field, and it is not null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.object.get(field).is_some_and(|value| !value.is_null())
    }

    /// A finite number.
    pub(crate) fn number(&self, field: &str) -> Result<f64, BadGraph> {
        self.object.get(field).and_then(Value::as_f64).map_or_else(|| self.wrong(field, "a number"), Ok)
    }

    /// A whole number from 0, below 2³².
    pub(crate) fn count(&self, field: &str) -> Result<usize, BadGraph> {
        let count = self.object.get(field).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        count.map_or_else(|| self.wrong(field, "a whole number"), |count| Ok(count as usize))
    }

    /// True or false.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, BadGraph> {
        self.object.get(field).and_then(Value::as_bool).map_or_else(|| self.wrong(field, "true or false"), Ok)
    }

    /// A word.
    pub(crate) fn word(&self, field: &str) -> Result<&'f str, BadGraph> {
        self.object.get(field).and_then(Value::as_str).map_or_else(|| self.wrong(field, "a word"), Ok)
    }

    /// A list of texts; `null` stands for `None`.
    pub(crate) fn texts(&self, field: &str) -> Result<Vec<Option<String>>, BadGraph> {
        let text = |value: &Value| match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => self.wrong(field, "a list of texts"),
        };
        let texts = self.list(field)?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        self.hold(texts.iter().map(|text| size_of_val(text) + text.as_ref().map_or(0, String::len)).sum());
        Ok(texts)
    }

    /// A list of texts, numbers and truths.
    pub(crate) fn scalars(&self, field: &str) -> Result<Vec<Value>, BadGraph> {
        let scalars = self.list(field)?;
        if scalars.iter().any(|value| value.is_null() || value.is_array() || value.is_object()) {
            return self.wrong(field, "a list of texts, numbers and truths");
        }
        self.hold(scalars.iter().map(|value| size_of_val(value) + value.as_str().map_or(0, str::len)).sum());
        Ok(scalars.to_vec())
    }

    /// A short list of whole numbers from 0.
    pub(crate) fn counts(&self, field: &str) -> Result<Vec<usize>, BadGraph> {
        let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok()).map(|count| count as usize);
        let counts = self.list(field)?.iter().map(count).collect::<Option<_>>();
        counts.map_or_else(|| self.wrong(field, "a list of whole numbers"), Ok)
    }

    /// The fields of an object.
    pub(crate) fn inner(&self, field: &str) -> Result<Self, BadGraph> {
        let object = self.object.get(field).and_then(Value::as_object);
        object.map_or_else(|| self.wrong(field, "an object"), |object| self.deeper(object))
    }

    /// The fields of each object in a list.
    pub(crate) fn inners(&self, field: &str) -> Result<Vec<Self>, BadGraph> {
        let inner = |value: &'f Value| match value.as_object() {
            Some(object) => self.deeper(object),
            None => self.wrong(field, "a list of objects"),
        };
        self.list(field)?.iter().map(inner).collect()
    }

    /// Counts what an operator holds.
    pub(crate) fn hold(&self, bytes: usize) {
        self.file.held.set(self.file.held.get() + bytes);
    }

    /// Reads what is then laid out anew: it is held in so many bytes, instead of those of its arrays.
    pub(crate) fn hold_instead<T>(
        &self,
        read: impl FnOnce() -> Result<T, BadGraph>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Result<T, BadGraph> {
        let before = self.file.held();
        let read = read()?;
        self.file.held.set(before + bytes(&read));
        Ok(read)
    }

    /// The error for a field that is missing or is not what it must be.
    pub(crate) fn wrong<T>(&self, field: &str, what: &str) -> Result<T, BadGraph> {
        bad(format!("{}: {field:?} must be {what}", self.name))
    }

    fn list(&self, field: &str) -> Result<&'f [Value], BadGraph> {
        self.object
            .get(field)
            .and_then(Value::as_array)
            .map_or_else(|| self.wrong(field, "a list"), |list| Ok(list.as_slice()))
    }

    fn deeper(&self, object: &'f Map<String, Value>) -> Result<Self, BadGraph> {
        let name = object.get("op").and_then(Value::as_str).unwrap_or(self.name);
        if self.depth == DEPTH {
            return bad("the operators are nested too deep");
        }
        Ok(Self { file: self.file, object, depth: self.depth + 1, name })
    }

    fn array(&self, field: &str, kind: Kind) -> Result<&'f [u8], BadGraph> {
        let number = self.object.get(field).and_then(|value| value.get("array")).and_then(Value::as_u64);
        let number = number.and_then(|number| usize::try_from(number).ok());
        let found = number.and_then(|number| self.file.arrays.borrow_mut().get_mut(number).and_then(Option::take));
        match found {
            Some(array) if array.kind == kind => Ok(array.bytes),
            _ => self.wrong(field, &format!("an array of {kind:?}, used here only")),
        }
    }
}
