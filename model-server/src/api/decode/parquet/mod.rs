//! A body that is a file of Parquet's: what pandas, Arrow and Spark write by default, of plain columns.
//!
//! Read here and not by the `parquet` crate. A file may be forged: that crate takes its word for how deep its columns are
//! nested, and how much memory dictionaries and compressed pages need, and aborts the process where that is too much. To hold
//! all that against what there is takes most of what is here; the rest is reading values. Nothing here allocates more than
//! `frame::room` for what is decompressed, and the bytes of that for what is made of it.

mod footer;
mod kind;
mod pages;
mod runs;
mod thrift;
mod values;

use scoring::{Appended, Batch, Schema, Value};

use self::{
    footer::{BAD, Chunk, Column, Footer},
    kind::Kind,
    pages::{Of, Page, Pages},
    runs::Runs,
    values::{Dictionary, Values},
};
use super::{
    filled,
    frame::{frame, room},
};

/// A file begins and ends with it.
const MAGIC: &[u8] = b"PAR1";
const BROKEN: &str = "the file is broken: its pages are not what they say";

/// Reads the rows in a body, or says what is wrong with it.
pub(crate) fn decode(schema: &Schema, body: &[u8]) -> Result<Batch, String> {
    let no_file = || "the body is not a file of Parquet's, or is an encrypted one".to_owned();
    let within = body.strip_suffix(MAGIC).filter(|file| file.starts_with(MAGIC)).ok_or_else(no_file)?;
    let (within, length) = within.split_last_chunk::<4>().ok_or_else(no_file)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (pages, footer) = within.split_at_checked(within.len().wrapping_sub(length)).ok_or_else(no_file)?;
    let mut footer = Footer::read(footer).ok_or(BAD)?;
    let mut frame = frame(schema, footer.columns.iter().map(|column| column.name), body.len())?;
    let taken = frame.taken();
    // Columns that are said to be in the same place would be read many times over.
    let (mut rows, mut room, mut unread) = (0_usize, room(body.len()), pages.len());
    while let Some(group) = footer.next(&taken)? {
        let all = rows.saturating_add(group.rows);
        frame.limit(all)?;
        if group.rows == 0 {
            // What there is of it may be nowhere.
            continue;
        }
        for (at, chunk) in taken.iter().zip(group.chunks) {
            let (column, Some(mut to)) = (&footer.columns[*at], frame.column(*at)) else { continue };
            let Chunk { codec, start, length, .. } = chunk;
            unread = unread.checked_sub(length).ok_or(BROKEN)?;
            let bytes = pages.get(start..).and_then(|rest| rest.get(..length)).ok_or(BROKEN)?;
            append(column, (Pages::new(bytes, codec), &mut room), (group.rows, &mut to))?;
        }
        rows = all;
    }
    filled(frame.finish(rows)?)
}

/// Appends the values of a column, of which there are to be so many.
fn append(
    column: &Column<'_>,
    (mut pages, room): (Pages<'_>, &mut usize),
    (mut left, to): (usize, &mut Appended<'_>),
) -> Result<(), String> {
    let Some(kind) = column.kind else {
        return Err(format!("column {:?} has lists or structs in it; send plain values", to.rules.name));
    };
    let mut dictionary = None;
    while let Some(page) = pages.next(room)? {
        match page.of {
            Of::Dictionary if dictionary.is_none() => {
                dictionary = Some(Dictionary::new(kind.physical, page.bytes, page.values)?);
            }
            Of::Dictionary => return Err(BROKEN.to_owned()),
            Of::Values => {
                left = left.checked_sub(page.values).ok_or(BROKEN)?;
                append_page((kind, column.optional), &page, (dictionary.as_ref(), &mut *to))?;
            }
            Of::Other => {}
        }
    }
    if left == 0 { Ok(()) } else { Err(BROKEN.to_owned()) }
}

fn append_page(
    (kind, optional): (Kind, bool),
    page: &Page<'_>,
    (dictionary, to): (Option<&Dictionary<'_>>, &mut Appended<'_>),
) -> Result<(), String> {
    let (levels, bytes) = match page.levels {
        Some(levels) => (levels, &*page.bytes),
        // In the first version of pages, they stand before the values, and their length before them.
        None if optional => {
            let (length, rest) = page.bytes.split_first_chunk::<4>().ok_or(BROKEN)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            rest.split_at_checked(length).ok_or(BROKEN)?
        }
        None => (&[][..], &*page.bytes),
    };
    let mut levels = Runs::new(1, levels).ok_or(BROKEN)?;
    let mut values = Values::new((kind.physical, page.encoding), bytes, dictionary)?;
    for _ in 0..page.values {
        let is_there = !optional || levels.next().ok_or(BROKEN)? == 1;
        let value = if is_there { kind.value(values.next().ok_or(BROKEN)?) } else { Value::Missing };
        to.put(value)?;
    }
    Ok(())
}
