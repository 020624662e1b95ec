//! Rows as typed columns: what every body becomes and every engine takes.

use std::ops::Range;

use serde::{Serialize, Serializer};

/// Some rows, as a model takes them.
#[derive(Debug)]
pub enum Batch {
    /// Named columns, in the order of the signature.
    Table {
        /// Length of every column.
        rows: usize,
        /// One per column of the signature.
        columns: Vec<Cells>,
    },
    /// One array.
    Array {
        /// Its shape; the first axis is rows.
        shape: Vec<usize>,
        /// Its elements, row-major.
        cells: Cells,
    },
}

impl Batch {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Table { rows, .. } => *rows,
            Self::Array { shape, .. } => shape.first().copied().unwrap_or(0),
        }
    }

    /// One column of a table.
    pub(crate) fn column(&self, at: usize) -> Option<&Cells> {
        match self {
            Self::Table { columns, .. } => columns.get(at),
            Self::Array { .. } => None,
        }
    }

    /// The shape and the elements of an array.
    pub(crate) fn array(&self) -> Option<(&[usize], &Cells)> {
        match self {
            Self::Table { .. } => None,
            Self::Array { shape, cells } => Some((shape, cells)),
        }
    }

    /// Whether the rows of another batch of the same schema could follow.
    pub(crate) fn joins(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array { shape, .. }, Self::Array { shape: others, .. }) => shape.get(1..) == others.get(1..),
            _ => true,
        }
    }
}

/// Values of one type, some of which may be missing.
#[derive(Debug)]
pub enum Cells {
    /// true or false.
    Bool(Vec<Option<bool>>),
    /// Whole numbers of 32 or 64 bits.
    Int(Vec<Option<i64>>),
    /// Numbers of 32 or 64 bits. A missing one is NaN.
    Float(Vec<f64>),
    /// Texts and times.
    Text(Texts),
}

impl Cells {
    /// How many values there are, missing ones included.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks that of a column")]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(cells) => cells.len(),
            Self::Int(cells) => cells.len(),
            Self::Float(cells) => cells.len(),
            Self::Text(cells) => cells.spans.len(),
        }
    }

    /// Appends a missing value.
    pub fn push_missing(&mut self) {
        match self {
            Self::Bool(cells) => cells.push(None),
            Self::Int(cells) => cells.push(None),
            Self::Float(cells) => cells.push(f64::NAN),
            Self::Text(cells) => cells.spans.push(None),
        }
    }
}

/// As a JSON list; missing values are `null`.
impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(cells) => cells.serialize(serializer),
            Self::Int(cells) => cells.serialize(serializer),
            Self::Float(cells) => cells.serialize(serializer),
            Self::Text(cells) => serializer.collect_seq(cells.iter()),
        }
    }
}

/// Texts end to end in one buffer, so that a cell costs no allocation.
#[derive(Debug, Default)]
pub struct Texts {
    buffer: String,
    spans: Vec<Option<(usize, usize)>>,
}

impl Texts {
    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        self.put(Some(text));
    }

    /// Appends a text; none is a missing one.
    pub fn put(&mut self, text: Option<&str>) {
        let span = text.map(|text| {
            let start = self.buffer.len();
            self.buffer.push_str(text);
            (start, self.buffer.len())
        });
        self.spans.push(span);
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, texts: usize) {
        self.spans.reserve(texts);
    }

    /// The texts in order; `None` for a missing one.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.range(0..self.spans.len())
    }

    /// Some of the texts in order; `None` for a missing one.
    pub fn range(&self, range: Range<usize>) -> impl Iterator<Item = Option<&str>> {
        self.spans[range].iter().map(|span| span.map(|(start, end)| &self.buffer[start..end]))
    }
}
