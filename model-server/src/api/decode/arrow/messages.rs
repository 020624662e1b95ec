//! The messages of a body, and whether what they say of themselves can be.
//! Source: "Serialization and Interprocess Communication" in Arrow's columnar format,
//! <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>.

use arrow_buffer::Buffer;
use arrow_ipc::{RecordBatch, Schema, Type, root_as_message};
use axum::body::Bytes;

use super::{BROKEN, Form};
use crate::api::decode::MAX_CELLS;

const MAGIC: &[u8] = b"ARROW1";
/// A file begins with its magic, padded to this length.
const FILE_START: usize = 8;
/// Stands before a message's length.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// The most columns that a body may have.
const MAX_FIELDS: usize = 1 << 14;

/// What of a body was not read yet.
pub(super) struct Messages {
    rest: Buffer,
}

/// A message: what it says, and the buffers of which it says it.
pub(super) struct Message {
    metadata: Buffer,
    pub(super) body: Buffer,
}

impl Messages {
    /// A file is a stream between its magic and its footer, which says again where in it things are.
    pub(super) fn new(form: Form, body: &Bytes) -> Result<Self, String> {
        let rest = Buffer::from(body.clone());
        if form == Form::Stream {
            return Ok(Self { rest });
        }
        let no_file = || "the body is not a file of Arrow's: application/vnd.apache.arrow.stream is a stream".to_owned();
        let stream = body.strip_suffix(MAGIC).filter(|file| file.starts_with(MAGIC)).ok_or_else(no_file)?;
        let (stream, footer) = stream.split_last_chunk::<4>().ok_or_else(no_file)?;
        let footer = usize::try_from(u32::from_le_bytes(*footer)).unwrap_or(usize::MAX);
        let end = stream.len().checked_sub(footer).filter(|end| *end >= FILE_START).ok_or_else(no_file)?;
        Ok(Self { rest: rest.slice_with_length(FILE_START, end - FILE_START) })
    }

    /// The next message, if one follows.
    pub(super) fn next(&mut self) -> Result<Option<Message>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut length = self.number()?;
        if length == CONTINUATION {
            length = self.number()?;
        }
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 {
            return Ok(None);
        }
        let mut message = Message { metadata: self.take(length)?, body: Buffer::default() };
        let announced = message.header()?.bodyLength();
        message.body = self.take(usize::try_from(announced).map_err(|_| BROKEN)?)?;
        Ok(Some(message))
    }

    fn number(&mut self) -> Result<[u8; 4], String> {
        self.take(4)?.as_slice().try_into().map_err(|_| BROKEN.to_owned())
    }

    fn take(&mut self, length: usize) -> Result<Buffer, String> {
        if length > self.rest.len() {
            return Err("the body ends too early, or is not of Arrow's format".to_owned());
        }
        let taken = self.rest.slice_with_length(0, length);
        self.rest.advance(length);
        Ok(taken)
    }
}

impl Message {
    /// What it says.
    pub(super) fn header(&self) -> Result<arrow_ipc::Message<'_>, String> {
        root_as_message(&self.metadata).map_err(|_| "the body is not of Arrow's format".to_owned())
    }
}

/// Refuses columns that no model takes and that a short body could say very many of.
pub(super) fn check_fields(schema: &Schema<'_>) -> Result<(), String> {
    let fields = schema.fields().ok_or(BROKEN)?;
    if fields.len() > MAX_FIELDS {
        return Err(format!("more than {MAX_FIELDS} columns; send only those that the model takes"));
    }
    for (at, field) in fields.iter().enumerate() {
        let is_flat = field.children().is_none_or(|children| children.is_empty());
        let nested = [Type::Struct_, Type::Union, Type::List, Type::LargeList, Type::FixedSizeList, Type::Map];
        let more = [Type::ListView, Type::LargeListView, Type::RunEndEncoded];
        if !is_flat || nested.contains(&field.type_type()) || more.contains(&field.type_type()) {
            return Err(format!(
                "column {at} (from 0) has lists, structs or runs in it; leave it out, or send plain values"
            ));
        }
    }
    Ok(())
}

/// The number of a batch's rows, if its columns and their buffers are within what there is.
pub(super) fn check(batch: &RecordBatch<'_>, body: usize) -> Result<usize, String> {
    if batch.compression().is_some() {
        return Err("compressed columns are not taken; write them without compression".to_owned());
    }
    let rows = usize::try_from(batch.length()).ok().filter(|rows| *rows <= MAX_CELLS);
    let rows = rows.ok_or_else(|| format!("a batch must have 0 to {MAX_CELLS} rows"))?;
    for node in &batch.nodes().ok_or(BROKEN)? {
        let missing = usize::try_from(node.null_count()).map_err(|_| BROKEN)?;
        if usize::try_from(node.length()) != Ok(rows) || missing > rows {
            return Err(BROKEN.to_owned());
        }
    }
    let mut together = 0_usize;
    for buffer in &batch.buffers().ok_or(BROKEN)? {
        let (offset, length) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
        let (Ok(offset), Ok(length)) = (offset, length) else { return Err(BROKEN.to_owned()) };
        // Those that are not aligned are copied: none may be said to be many columns'.
        together = together.saturating_add(length);
        if offset.checked_add(length).is_none_or(|end| end > body) || together > body {
            return Err(BROKEN.to_owned());
        }
    }
    Ok(rows)
}
