//! A body of Arrow's, as a stream or a file.
//!
//! Whoever sends it may have forged it. What it says of lengths is held against what there is (`messages`) before Arrow's own
//! reader is given it, which then validates the values. Columns that the model does not take are not read.

mod messages;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::{
    Endianness, MessageHeader, MetadataVersion,
    convert::try_fb_to_schema,
    reader::{RecordBatchDecoder, read_dictionary},
};
use arrow_schema::{ArrowError, SchemaRef};
use axum::body::Bytes;
use scoring::{Batch, Schema, append};

use self::messages::{Message, Messages};
use super::{filled, frame::frame};

/// How many bytes of dictionaries may be read over again for a body of any length, and how many more for each of its bytes.
const WORK: (usize, usize) = (1 << 28, 16);

/// The forms of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Messages one after the other.
    Stream,
    /// A stream, and where in it things are.
    File,
}

/// Reads the rows in a body, or says what is wrong with it.
pub(crate) fn decode(schema: &Schema, form: Form, body: &Bytes) -> Result<Batch, String> {
    // The last resort: Arrow's reader slices by what a body says, and panics where that was not foreseen. What it was reading
    // is gone by then, so that nobody sees it half read.
    let read = catch_unwind(AssertUnwindSafe(|| read(schema, form, body)));
    read.unwrap_or_else(|_| Err("the body is broken: what its columns hold is not what it says".to_owned()))
}

fn read(schema: &Schema, form: Form, body: &Bytes) -> Result<Batch, String> {
    let mut messages = Messages::new(form, body)?;
    let first = messages.next()?.ok_or("the body is empty")?;
    let fields = first.header()?.header_as_schema().ok_or("the body does not begin with a schema")?;
    if fields.endianness() != Endianness::Little {
        return Err("the body must be little-endian".to_owned());
    }
    messages::check_fields(&fields)?;
    let fields: SchemaRef = Arc::new(try_fb_to_schema(fields).map_err(|error| broken(&error))?);
    let mut frame = frame(schema, fields.fields().iter().map(|field| field.name().as_str()), body.len())?;
    let taken = frame.taken();
    let (mut dictionaries, mut rows) = (HashMap::new(), 0);
    let (mut sizes, mut work) = (HashMap::new(), WORK.0.saturating_add(body.len().saturating_mul(WORK.1)));
    while let Some(message) = messages.next()? {
        let Message { body, .. } = &message;
        let header = message.header()?;
        let version = header.version();
        match header.header_type() {
            MessageHeader::DictionaryBatch => {
                let dictionary = header.header_as_dictionary_batch().ok_or(BROKEN)?;
                if dictionary.isDelta() {
                    return Err("dictionaries that grow are not taken; send whole ones".to_owned());
                }
                messages::check(&dictionary.data().ok_or(BROKEN)?, body.len())?;
                sizes.insert(dictionary.id(), body.len());
                read_dictionary(body, dictionary, &fields, &mut dictionaries, &version).map_err(|error| broken(&error))?;
            }
            MessageHeader::RecordBatch => {
                let batch = header.header_as_record_batch().ok_or(BROKEN)?;
                let count = messages::check(&batch, body.len())?;
                frame.limit(rows + count)?;
                // Each batch has its dictionaries validated once more.
                let more = sizes.values().fold(0_usize, |sum, size| sum.saturating_add(*size));
                work =
                    work.checked_sub(more).ok_or("too many batches for so long dictionaries; send fewer and longer ones")?;
                let of = (&fields, &dictionaries, &version);
                let batch = read_batch((body, batch), of, &taken).map_err(|error| broken(&error))?;
                for (column, at) in batch.columns().iter().zip(&taken) {
                    frame.column(*at).map_or(Ok(()), |mut to| append(column, &mut to))?;
                }
                rows += count;
            }
            _ => return Err("the body holds something else than dictionaries and rows".to_owned()),
        }
    }
    filled(frame.finish(rows)?)
}

const BROKEN: &str = "the body is broken: a message is not what it says";

/// Arrow names columns and types, and sometimes values, which are not told.
fn broken(error: &ArrowError) -> String {
    tracing::debug!(%error, "a body of Arrow's can't be read");
    "the body is broken: what its columns hold is not what it says".to_owned()
}

fn read_batch(
    (body, batch): (&Buffer, arrow_ipc::RecordBatch<'_>),
    (fields, dictionaries, version): (&SchemaRef, &HashMap<i64, arrow_array::ArrayRef>, &MetadataVersion),
    taken: &[usize],
) -> Result<RecordBatch, ArrowError> {
    RecordBatchDecoder::try_new(body, batch, Arc::clone(fields), dictionaries, version)?
        .with_projection(Some(taken))
        .read_record_batch()
}
