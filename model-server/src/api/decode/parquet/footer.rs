//! What a file says of itself at its end: its columns, and where their values are.
//! Source: `src/main/thrift/parquet.thrift` of `github.com/apache/parquet-format`.

use super::{
    kind::{Annotation, Kind, Physical},
    thrift::{Kind as Of, Thrift},
};

/// What is said of one that can't be read.
pub(super) const BAD: &str = "the file is broken: what it says of its columns can't be read, or is of other files";
/// The most columns that a file may have.
const MAX_COLUMNS: usize = 1 << 14;

/// A file's columns, and what was not read yet of its groups of rows.
pub(super) struct Footer<'b> {
    pub(super) columns: Vec<Column<'b>>,
    groups: Thrift<'b>,
    left: usize,
}

/// A column.
pub(super) struct Column<'b> {
    /// Of a value in a struct, the struct's.
    pub(super) name: &'b str,
    /// What it holds; none where that is in lists or structs.
    pub(super) kind: Option<Kind>,
    /// Whether values may be missing.
    pub(super) optional: bool,
}

/// Some rows: for each column that is asked for, where its values are.
pub(super) struct Group {
    pub(super) rows: usize,
    pub(super) chunks: Vec<Chunk>,
}

/// Where a column's values are.
pub(super) struct Chunk {
    /// A number of the format's.
    pub(super) codec: i64,
    pub(super) start: usize,
    pub(super) length: usize,
    /// And not in another file, or encrypted.
    is_here: bool,
}

impl<'b> Footer<'b> {
    /// Reads the columns.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (mut columns, mut groups) = (None, None);
        Thrift { rest: bytes }.fields(&mut |id, kind, thrift| {
            match (id, kind) {
                (2, Of::List) => columns = Some(schema(thrift)?),
                (4, Of::List) => {
                    // They are read one by one, later.
                    let mut at = *thrift;
                    let (left, kind) = at.list()?;
                    groups = Some((at, left)).filter(|_| left == 0 || kind == Of::Struct);
                    thrift.pass(Of::List)?;
                }
                _ => return Some(false),
            }
            Some(true)
        })?;
        let (groups, left) = groups?;
        Some(Self { columns: columns?, groups, left })
    }

    /// The next group of rows. `taken` are the columns that are asked for.
    pub(super) fn next(&mut self, taken: &[usize]) -> Result<Option<Group>, &'static str> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.group(taken).map(Some).ok_or(BAD)
    }

    fn group(&mut self, taken: &[usize]) -> Option<Group> {
        let (mut rows, mut chunks) = (None, None);
        let all = self.columns.len();
        self.groups.fields(&mut |id, kind, thrift| {
            match (id, kind) {
                (1, Of::List) => chunks = Some(self::chunks(thrift, all, taken)?),
                (3, Of::Int) => rows = Some(thrift.size()?),
                _ => return Some(false),
            }
            Some(true)
        })?;
        Some(Group { rows: rows?, chunks: chunks? })
    }
}

/// The columns that have values, which are the leaves of a tree.
fn schema<'b>(thrift: &mut Thrift<'b>) -> Option<Vec<Column<'b>>> {
    let (length, Of::Struct) = thrift.list()? else { return None };
    let (mut columns, root) = (Vec::new(), Element::read(thrift)?);
    // For each struct that is open, how many children are still to come; and the name of the outermost.
    let (mut open, mut outermost) = (vec![root.children], None);
    for _ in 1..length {
        let element = Element::read(thrift)?;
        while open.last() == Some(&0) {
            open.pop();
        }
        *open.last_mut()? -= 1;
        if open.len() == 1 {
            outermost = element.name;
        }
        if element.children > 0 {
            open.push(element.children);
            continue;
        }
        let is_flat = open.len() == 1 && element.repetition < REPEATED;
        let kind = element.physical.map(|physical| Kind::of(physical, element.annotation)).filter(|_| is_flat);
        columns.push(Column { name: outermost?, kind, optional: element.repetition == OPTIONAL });
        if columns.len() > MAX_COLUMNS {
            return None;
        }
    }
    open.iter().all(|children| *children == 0).then_some(columns)
}

const OPTIONAL: i64 = 1;
const REPEATED: i64 = 2;

/// A node of the tree.
#[derive(Default)]
struct Element<'b> {
    physical: Option<Physical>,
    annotation: Annotation,
    repetition: i64,
    name: Option<&'b str>,
    children: usize,
}

impl<'b> Element<'b> {
    fn read(thrift: &mut Thrift<'b>) -> Option<Self> {
        let (mut element, mut length, mut physical) = (Self::default(), 0, None);
        thrift.fields(&mut |id, kind, thrift| {
            match (id, kind) {
                (1, Of::Int) => physical = Some(thrift.int()?),
                (2, Of::Int) => length = thrift.size()?,
                (3, Of::Int) => element.repetition = thrift.int()?,
                (4, Of::Binary) => element.name = Some(thrift.text()?),
                (5, Of::Int) => element.children = thrift.size()?,
                (6, Of::Int) => element.annotation.converted(thrift.int()?),
                (7, Of::Int) => element.annotation.scale = thrift.int()?,
                (10, Of::Struct) => element.annotation.logical(thrift)?,
                _ => return Some(false),
            }
            Some(true)
        })?;
        element.physical = match physical {
            Some(code) => Some(Physical::of(code, length)?),
            None => None,
        };
        Some(element)
    }
}

/// Where the values of the columns are that are asked for.
fn chunks(thrift: &mut Thrift<'_>, all: usize, taken: &[usize]) -> Option<Vec<Chunk>> {
    let (length, kind) = thrift.list()?;
    if length != all || (kind != Of::Struct && all > 0) {
        return None;
    }
    let (mut chunks, mut taken) = (Vec::with_capacity(taken.len()), taken.iter().peekable());
    for at in 0..length {
        let chunk = Chunk::read(thrift)?;
        if taken.next_if_eq(&&at).is_some() {
            chunks.push(Some(chunk).filter(|chunk| chunk.is_here)?);
        }
    }
    Some(chunks)
}

impl Chunk {
    fn read(thrift: &mut Thrift<'_>) -> Option<Self> {
        let (mut codec, mut first, mut dictionary, mut length, mut elsewhere) = (0, None, None, None, false);
        thrift.fields(&mut |id, kind, thrift| {
            match (id, kind) {
                (1, Of::Binary) | (8, Of::Struct) => {
                    elsewhere = true;
                    return Some(false);
                }
                (3, Of::Struct) => thrift.fields(&mut |id, kind, thrift| {
                    match (id, kind) {
                        (4, Of::Int) => codec = thrift.int()?,
                        (7, Of::Int) => length = Some(thrift.size()?),
                        (9, Of::Int) => first = Some(thrift.size()?),
                        (11, Of::Int) => dictionary = Some(thrift.size()?),
                        _ => return Some(false),
                    }
                    Some(true)
                })?,
                _ => return Some(false),
            }
            Some(true)
        })?;
        let is_here = first.is_some() && length.is_some() && !elsewhere;
        let first = first.unwrap_or_default();
        // Some write 0 where there is no dictionary.
        let start = dictionary.filter(|start| (1..first).contains(start)).unwrap_or(first);
        Some(Self { codec, start, length: length.unwrap_or_default(), is_here })
    }
}
